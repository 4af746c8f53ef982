"""A dashboard as plain nouns, and their JSON as Grafana 11 reads it. Knows nothing of what is shown.

In expressions `@` stands for the filter by instance, `[rate]` for Grafana's window of a rate. A panel has a place by the
order in which it is named: rows are filled from the left, 24 columns wide.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

SCHEMA_VERSION = 39  # Grafana 11.0 to 11.2; later ones migrate it by themselves
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
FILTER = 'instance=~"$instance"'

Kind = Literal["stat", "timeseries", "heatmap"]
Steps = tuple[tuple[float | None, str], ...]

PLAIN: Steps = ((None, "green"),)  # no amount of it is bad by itself
JSON = dict[str, Any]


def above(warning: float, bad: float | None = None) -> Steps:
    """Steps of what is bad when it is high."""
    return ((None, "green"), (warning, "orange")) + (((bad, "red"),) if bad is not None else ())


def below(bad: float, warning: float) -> Steps:
    """Steps of what is bad when it is low."""
    return ((None, "red"), (bad, "orange"), (warning, "green"))


def present(text: str, label: str) -> str:
    """Of many series that are mostly 0, those that are not; one named `none` where all are, so that the picture is not empty."""
    return f'({text}) > 0 or on () label_replace(vector(0), "{label}", "none", "", "")'


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: `queries` are pairs of an expression and what its lines are called."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    description: str
    steps: Steps = PLAIN
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 7
    stacked: bool = False
    most: float | None = None
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a headline."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page. `variables` are pairs of a name and the query that gives its values."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[tuple[str, str], ...] = (("instance", "label_values(cueline_model_info, instance)"),)


def expression(text: str) -> str:
    """An expression as Grafana gets it."""
    return " ".join(text.replace("@", FILTER).replace("[rate]", "[$__rate_interval]").split())


def dashboard_json(dashboard: Dashboard, links: tuple[tuple[str, str], ...]) -> JSON:
    """The whole file; `links` are title and uid of every dashboard."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["cueline"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [_alerts()]},
        "links": [_link(title, uid) for title, uid in links if uid != dashboard.uid],
        "templating": {"list": [_datasource(), *(_variable(*each) for each in dashboard.variables)]},
        "panels": list(_panels(dashboard.rows)),
    }


def _alerts() -> JSON:
    return {
        "name": "Alerts",
        "enable": True,
        "iconColor": "red",
        "datasource": DATASOURCE,
        "expr": 'ALERTS{alertname=~"Cueline.+", alertstate="firing"}',
        "step": "30s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}} {{instance}} {{shard}} {{sink}}",
    }


def _link(title: str, uid: str) -> JSON:
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}",
        "keepTime": True,
        "includeVars": True,
        "icon": "dashboard",
    }


def _datasource() -> JSON:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
        "current": {},
    }


def _variable(name: str, query: str) -> JSON:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": "Variable"},
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "refresh": 2,
        "sort": 3,
        "hide": 0,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels(rows: tuple[Row, ...]) -> Iterator[JSON]:
    number = top = 0
    for row in rows:
        number += 1
        yield {
            "id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }  # fmt: skip
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield _panel_json(number, panel) | {"gridPos": place}
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def _panel_json(number: int, panel: Panel) -> JSON:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": " ".join(panel.description.split()),
        "datasource": DATASOURCE,
        "targets": [_target(panel, *each) for each in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind](panel),
    }


def _target(panel: Panel, place: int, query: tuple[str, str]) -> JSON:
    text, legend = query
    return {
        "refId": chr(ord("A") + place),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expression(text),
        "legendFormat": legend,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": panel.kind == "stat",
        "range": panel.kind != "stat",
    }


def _defaults(panel: Panel) -> JSON:
    steps = [{"color": color, "value": value} for value, color in panel.steps]
    defaults: JSON = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "stat":
        defaults |= {"color": {"mode": "thresholds"}, "noValue": "none yet"}
    if panel.kind == "timeseries":
        defaults |= {"color": {"mode": "palette-classic"}, "min": 0, "custom": _custom(panel)}
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    return defaults


def _custom(panel: Panel) -> JSON:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 20 if panel.stacked else 5,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
    }


def _stat(_panel: Panel) -> JSON:
    return {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }


def _timeseries(_panel: Panel) -> JSON:
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _heatmap(panel: Panel) -> JSON:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "scale": "exponential", "exponent": 0.5, "steps": 64},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"unit": panel.unit, "axisPlacement": "left", "reverse": False},
    }


_OPTIONS = {"stat": _stat, "timeseries": _timeseries, "heatmap": _heatmap}
