import re
from pathlib import Path

import pytest

from engine.genesys import regions, sdk


def test_domains_are_those_of_the_installed_sdk():
    source = Path(sdk._folder(), "purecloud_region_hosts.py").read_text(encoding="utf-8")
    assert list(regions.REGIONS) == re.findall(r'"https://api\.([^"]+)"', source)
    assert len(set(regions.REGIONS)) == 18


def test_addresses_follow_from_the_region():
    assert regions.login_url("mypurecloud.ie") == "https://login.mypurecloud.ie"
    assert regions.api_url("usw2.pure.cloud") == "https://api.usw2.pure.cloud"
    assert regions.realtime_url("mypurecloud.com") == "wss://api.mypurecloud.com/api/v2/interactions/realtime"


@pytest.mark.parametrize("make", [regions.login_url, regions.api_url, regions.realtime_url])
@pytest.mark.parametrize("region", ["", "mypurecloud.org", "https://api.mypurecloud.com"])
def test_an_unknown_region_is_an_error_that_lists_what_is_allowed(make, region):
    with pytest.raises(ValueError, match=r"unknown region .* allowed: mypurecloud\.com, .*edee1\.eusc-pure\.cloud"):
        make(region)
