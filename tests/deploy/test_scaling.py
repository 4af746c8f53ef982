"""How many engines are wanted: both ways of scaling compute it from what the engine really exposes. promtool does the sums."""

import math
import re
import subprocess

import pytest
import yaml

from engine.metrics import Metrics
from tests.support.deployed import KUBERNETES, read, stateful_set
from tests.support.programs import program

HPA = read(KUBERNETES / "components/hpa/horizontalpodautoscaler.yaml")["spec"]
KEDA = read(KUBERNETES / "components/keda/scaledobject.yaml")["spec"]
(ADAPTER,) = read(KUBERNETES / "components/hpa/prometheus-adapter.yaml")["rules"]
LEFT = [  # engine, shard, share of its capacity that is left: the engines use 0.75, 0.25 and 0.5
    ("cueline-0", 0, 0.2),
    ("cueline-0", 1, 0.3),
    ("cueline-1", 0, 1.0),
    ("cueline-1", 1, 0.5),
    ("cueline-2", 0, 0.5),
]


def evaluated(expression, wanted, tmp_path):
    """Fail where promtool gets other samples ({labels: value}) for LEFT."""
    series = [
        {
            "series": f'cueline_capacity_left_ratio{{instance="{pod}:8080",pod="{pod}",namespace="cueline",shard="{shard}"}}',
            "values": f"{left} {left}",
        }
        for pod, shard, left in LEFT
    ]
    samples = [{"labels": labels, "value": value} for labels, value in wanted.items()]
    test = {"expr": expression, "eval_time": "1m", "exp_samples": samples}
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [test]}]}))
    done = subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_keda_adds_up_the_engines_that_are_full(tmp_path):
    (trigger,) = KEDA["triggers"]
    evaluated(trigger["metadata"]["query"], {"{}": 1.5}, tmp_path)
    assert trigger["metricType"] == "AverageValue"
    assert math.ceil(1.5 / float(trigger["metadata"]["threshold"])) == 3


def test_the_adapter_gives_each_engines_use(tmp_path):
    query = ADAPTER["metricsQuery"]
    for template, value in {
        "<<.Series>>": "cueline_capacity_left_ratio",
        "<<.LabelMatchers>>": 'namespace="cueline",pod=~"cueline-0|cueline-1|cueline-2"',
        "<<.GroupBy>>": "pod",
    }.items():
        assert template in query
        query = query.replace(template, value)
    assert "<<" not in query
    evaluated(query, {'{pod="cueline-0"}': 0.75, '{pod="cueline-1"}': 0.25, '{pod="cueline-2"}': 0.5}, tmp_path)
    (metric,) = HPA["metrics"]
    assert metric["pods"]["metric"]["name"] == ADAPTER["name"]["as"]
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "600m"}


def test_both_ways_want_the_same():
    behaviour = KEDA["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behaviour == HPA["behavior"]
    assert (KEDA["minReplicaCount"], KEDA["maxReplicaCount"]) == (HPA["minReplicas"], HPA["maxReplicas"])
    assert float(KEDA["triggers"][0]["metadata"]["threshold"]) == 0.6


@pytest.mark.parametrize("target", [HPA["scaleTargetRef"], KEDA["scaleTargetRef"]], ids=["hpa", "keda"])
def test_they_scale_what_is_there(target):
    scaled = stateful_set()
    assert (target["apiVersion"], target["kind"]) == (scaled["apiVersion"], scaled["kind"])
    assert target["name"] == scaled["metadata"]["name"]


def test_the_metric_is_the_engines():
    (name,) = set(re.findall(r"cueline_\w+", KEDA["triggers"][0]["metadata"]["query"]))
    assert f"# TYPE {name} gauge".encode() in Metrics(list).exposition()
    assert name in ADAPTER["seriesQuery"]


def test_an_engine_has_time_to_let_its_calls_end_before_the_next_goes():
    (policy,) = HPA["behavior"]["scaleDown"]["policies"]
    grace_s = stateful_set()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert (policy["type"], policy["value"]) == ("Pods", 1)
    assert policy["periodSeconds"] > grace_s


@pytest.mark.parametrize("component", ["hpa", "keda"])
def test_the_number_of_engines_is_the_scalers_alone(component):
    (patch,) = read(KUBERNETES / f"components/{component}/kustomization.yaml")["patches"]
    assert yaml.safe_load(patch["patch"]) == [{"op": "remove", "path": "/spec/replicas"}]
