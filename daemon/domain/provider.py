"""Providers go by several names; here they are held to be the same or not."""

import re
from collections.abc import Mapping
from typing import Final

#: What people also call a provider → what presets call it; both as `_bare` leaves them.
_ALIASES: Final[Mapping[str, str]] = {
    "aliyun": "alibaba",
    "alibabacloud": "alibaba",
    "alicloud": "alibaba",
    "amazon": "aws",
    "amazonwebservices": "aws",
    "akamai": "linode",
    "do": "digitalocean",
    "gcp": "googlecloud",
    "google": "googlecloud",
    "huaweicloud": "huawei",
    "microsoft": "azure",
    "microsoftazure": "azure",
    "ovhcloud": "ovh",
    "qcloud": "tencent",
    "tencentcloud": "tencent",
    "阿里云": "alibaba",
    "腾讯云": "tencent",
    "华为云": "huawei",
}
_NOISE: Final = re.compile(r"[\W_]+")


def provider_key(name: str) -> str:
    """What two names of one provider have in common: `Alibaba Cloud` and `aliyun` do."""
    bare = _bare(name) or name
    return _ALIASES.get(bare, bare)


def same_provider(one: str, other: str) -> bool:
    """Whether both names mean one provider."""
    return provider_key(one) == provider_key(other)


def _bare(name: str) -> str:
    return _NOISE.sub("", name.casefold())
