"""Terms of contracts, `1y`, `6mo` or `30d`, added to civil dates by the calendar."""

import calendar
import re
from datetime import date, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from daemon.domain.contract import Expiry, Precision
from daemon.domain.instant import as_utc
from daemon.domain.preset import RenewalBasis
from daemon.errors import InvalidValue

_TERM: Final = re.compile(r"(?:(\d{1,3})y)?(?:(\d{1,4})mo)?(?:(\d{1,5})d)?", re.ASCII)
#: Where each day begins last, so that the date there is never later than anywhere else.
_LATEST_ON_EARTH: Final = timezone(timedelta(hours=-12))
_FORMS: Final = {
    Precision.DAY: "%Y-%m-%d",
    Precision.MINUTE: "%Y-%m-%dT%H:%M",
    Precision.SECOND: "%Y-%m-%dT%H:%M:%S",
}
_MONTHS: Final = 12


def add_term(expiry: Expiry, term: str) -> Expiry:
    """The expiry that a term leads to: same zone, same time of day, counted in civil time.

    Years and months come first, then days. A day that the month does not have becomes its last:
    a year after February 29 is February 28, never the day after.

    Raises:
        InvalidValue: `term` is not like `1y`, `6mo`, `30d` or `1y6mo`, is nothing, or leads out
            of the calendar.
    """
    years, months, days = _read_term(term)
    start = date.fromisoformat(expiry.text[:10])
    try:
        end = _add_months(start, _MONTHS * years + months) + timedelta(days=days)
    except (OverflowError, ValueError) as error:
        raise InvalidValue(f"{term} after {expiry.text} is out of range.") from error
    return Expiry(text=f"{end.isoformat()}{expiry.text[10:]}", timezone=expiry.timezone)


def prolong(expiry: Expiry, term: str, basis: RenewalBasis, now: datetime) -> tuple[Expiry, str]:
    """The expiry that paying for one more term leads to, and a sentence on how it was counted.

    Paid in time, a term always counts from the expiry that was. Paid late, it is the provider
    who says from when; where he does not, the old expiry is assumed, which is the earlier one.

    Args:
        expiry: The present one.
        term: See `add_term`.
        basis: From when a late renewal counts.
        now: When it is paid; aware.

    Raises:
        InvalidValue: see `add_term`.
        UnknownTimeZone: this machine does not know the zone.
    """
    late = expiry.instant() <= as_utc(now)
    if late and basis is RenewalBasis.PAYMENT:
        today = _civil(now, expiry)
        return add_term(today, term), f"{term} counts from the payment, {today.text}."
    how = f"{term} counts from the old expiry, {expiry.text}"
    if late and basis is RenewalBasis.UNKNOWN:
        how += ": nobody says from when this provider counts, and that is the earlier one"
    return add_term(expiry, term), f"{how}."


def _read_term(term: str) -> tuple[int, int, int]:
    found = _TERM.fullmatch(term)
    years, months, days = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (years or months or days):
        raise InvalidValue(f"{term!r} is not a term.", hint="Write 1y, 6mo, 30d or 1y6mo.")
    return years, months, days


def _add_months(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, _MONTHS)
    year = start.year + years
    if year > date.max.year:
        raise OverflowError("The year is out of range.")
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))


def _civil(now: datetime, like: Expiry) -> Expiry:
    """What clocks show at `now` in the zone of `like`, as exactly as `like` is written.

    Without a zone it is the date where the day begins last: the earliest that it can be.
    """
    zone = ZoneInfo(like.timezone) if like.timezone else _LATEST_ON_EARTH
    text = now.astimezone(zone).strftime(_FORMS[like.precision])
    return Expiry(text=text, timezone=like.timezone)
