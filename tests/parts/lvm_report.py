"""What lvs(8) prints of one volume."""

import json

GIB = 1 << 30


def report(**fields: str) -> str:
    """As LVM 2.03 does with `--reportformat json --units b --nosuffix`: of a thick volume."""
    line = {
        "vg_name": "vg0",
        "lv_name": "srv",
        "lv_attr": "-wi-ao----",
        "lv_size": str(100 * GIB),
        "origin": "",
        "pool_lv": "",
        "data_percent": "",
        "vg_free": str(20 * GIB),
        "lv_tags": "",
    }
    return json.dumps({"report": [{"lv": [line | fields]}]})
