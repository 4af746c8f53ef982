"""The regions of Genesys Cloud, and the addresses that follow from each.

Domains are those of the SDK's `purecloud_region_hosts.py` (a test compares them with the installed SDK); they are kept
here so that the supervisor can make addresses without importing it. Pure: knows no environment and no sockets.
"""

REGIONS = (
    "mypurecloud.com",  # us-east-1
    "mypurecloud.ie",  # eu-west-1
    "mypurecloud.com.au",  # ap-southeast-2
    "mypurecloud.jp",  # ap-northeast-1
    "mypurecloud.de",  # eu-central-1
    "usw2.pure.cloud",  # us-west-2
    "cac1.pure.cloud",  # ca-central-1
    "apne2.pure.cloud",  # ap-northeast-2
    "euw2.pure.cloud",  # eu-west-2
    "aps1.pure.cloud",  # ap-south-1
    "use2.us-gov-pure.cloud",  # us-east-2 (FedRAMP)
    "sae1.pure.cloud",  # sa-east-1
    "mec1.pure.cloud",  # me-central-1
    "apne3.pure.cloud",  # ap-northeast-3
    "euc2.pure.cloud",  # eu-central-2
    "mxc1.pure.cloud",  # mx-central-1
    "apse1.pure.cloud",  # ap-southeast-1
    "edee1.eusc-pure.cloud",  # eusc-de-east-1
)


def login_url(region: str) -> str:
    """Return the OAuth server's address; ValueError names what is allowed."""
    return f"https://login.{_known(region)}"


def api_url(region: str) -> str:
    """Return the platform API's address; ValueError names what is allowed."""
    return f"https://api.{_known(region)}"


def realtime_url(region: str) -> str:
    """Return the real-time socket's address; ValueError names what is allowed."""
    return f"wss://api.{_known(region)}/api/v2/interactions/realtime"


def _known(region: str) -> str:
    if region not in REGIONS:
        raise ValueError(f"unknown region {region!r}; allowed: {', '.join(REGIONS)}")
    return region
