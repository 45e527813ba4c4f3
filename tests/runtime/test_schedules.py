"""Schedules: their dates against a naive model, where clocks jump, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom.errors import InvalidSchedule
from strongroom.schedules import Cron, Interval, RRule, Schedule

NEW_YORK = "America/New_York"
SPRING = datetime(2026, 3, 8, 6, tzinfo=UTC)  # 01:00; at 02:00 it is 03:00
AUTUMN = datetime(2026, 11, 1, 4, tzinfo=UTC)  # 00:00; at 02:00 it is 01:00 again
ZONES = [NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "America/St_Johns"]
MINUTE = timedelta(minutes=1)

zones = st.sampled_from(ZONES)
starts = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from([SPRING, AUTUMN, datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 4, 4, 14, tzinfo=UTC)]).flatmap(
        lambda near: st.timedeltas(timedelta(hours=-6), timedelta(hours=6)).map(
            lambda off: (near + off).replace(tzinfo=None)
        )
    ),
).map(lambda moment: moment.replace(tzinfo=UTC))


def local(moments: list[datetime], zone: str = NEW_YORK) -> list[str]:
    return [moment.astimezone(ZoneInfo(zone)).strftime("%H:%M%z") for moment in moments]


def minutes_as_shown(zone: str, start: datetime, hours: int) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Every minute of UTC, the wall time that the clock shows, and the latest that it has shown before."""
    moment = start.replace(second=0, microsecond=0) - timedelta(hours=26)
    latest = datetime.min
    for _ in range((hours + 26) * 60):
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        yield moment, wall, latest
        latest = max(latest, wall)
        moment += MINUTE


def model(zone: str, start: datetime, hours: int, every: int, hour: int | None) -> list[datetime]:
    """A wall minute is due once: when the clock first shows it, or, where it is left out, what comes after it."""
    due = []
    for moment, wall, latest in minutes_as_shown(zone, start, hours):
        passed = wall
        while passed > latest and passed > wall - timedelta(hours=3):
            if passed.minute % every == 0 and hour in (None, passed.hour):
                if moment > start:
                    due.append(moment)
                break
            passed -= MINUTE
    return due


@given(zones, starts, st.sampled_from([1, 7, 15, 30]), st.one_of(st.none(), st.integers(0, 23)))
@settings(max_examples=25)
def test_cron_dates_are_those_of_a_clock_watched_minute_by_minute(
    zone: str, start: datetime, every: int, hour: int | None
) -> None:
    expected = model(zone, start, 30, every, hour)
    schedule = Cron(f"*/{every} {'*' if hour is None else hour} * * *", timezone=zone)
    assert list(islice(schedule.dates(start), len(expected))) == expected


SCHEDULES = st.one_of(
    st.sampled_from(
        ["* * * * *", "0 * * * *", "30 2 * * *", "5 4 * * sun", "0 0 1 * *", "@daily", "*/5 1-3 * * *"]
    ).map(lambda text: {"cron": text}),
    st.integers(1, 10**6).map(lambda seconds: {"interval": timedelta(seconds=seconds)}),
    st.integers(1, 40).map(lambda days: {"interval": timedelta(days=days, hours=days % 5)}),
    st.tuples(
        st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "MINUTELY", "SECONDLY", "YEARLY"]), st.integers(1, 9)
    ).map(lambda rule: {"rrule": f"FREQ={rule[0]};INTERVAL={rule[1]}"}),
)


@given(SCHEDULES, zones, starts)
@settings(max_examples=50)
def test_dates_go_on_and_do_not_depend_on_where_they_are_asked_from(
    what: dict[str, object], zone: str, start: datetime
) -> None:
    anchor = {"anchor_date": datetime(2025, 6, 1, 9, 30)} if "interval" in what else {}
    schedule = Schedule.from_json({**what, **anchor, "timezone": zone})
    dates = schedule.get_dates(12, start)
    assert dates[0] > start
    assert all(one < other for one, other in pairwise(dates))
    for known, one in pairwise(dates):
        assert schedule.get_dates(1, known) == [one]
        assert schedule.get_dates(1, one - timedelta(microseconds=1)) == [one]


@given(st.integers(1, 86_399), starts, starts)
def test_short_intervals_pass_in_elapsed_time_on_both_sides_of_their_anchor(
    seconds: int, anchor: datetime, start: datetime
) -> None:
    dates = Interval(seconds, anchor_date=anchor, timezone=NEW_YORK).get_dates(5, start)
    assert all((date - anchor) % timedelta(seconds=seconds) == timedelta(0) for date in dates)
    assert dates[0] - start <= timedelta(seconds=seconds)


@given(SCHEDULES, st.one_of(st.none(), zones))
def test_a_schedule_is_the_same_after_it_was_written_as_json(what: dict[str, object], zone: str | None) -> None:
    schedule = Schedule.from_json({**what, "timezone": zone})
    assert Schedule.from_json(schedule.to_json()) == schedule


@given(zones, starts, st.integers(0, 23), st.integers(0, 59), st.sets(st.integers(0, 6), min_size=1))
@settings(max_examples=40)
def test_a_rule_and_a_cron_expression_that_say_the_same_are_due_at_the_same_times(
    zone: str, start: datetime, hour: int, minute: int, days: set[int]
) -> None:
    names = ",".join(["MO", "TU", "WE", "TH", "FR", "SA", "SU"][day] for day in sorted(days))
    rule = RRule(f"FREQ=WEEKLY;BYDAY={names};BYHOUR={hour};BYMINUTE={minute};BYSECOND=0", timezone=zone)
    cron = Cron(f"{minute} {hour} * * {','.join(str((day + 1) % 7) for day in sorted(days))}", timezone=zone)
    assert rule.get_dates(6, start) == cron.get_dates(6, start)


def test_an_hourly_cron_leaves_out_the_hour_that_is_not_there() -> None:
    assert local(Cron("0 * * * *", timezone=NEW_YORK).get_dates(3, SPRING)) == [
        "03:00-0400",
        "04:00-0400",
        "05:00-0400",
    ]


def test_a_daily_cron_in_the_hour_that_is_not_there_runs_right_after_it() -> None:
    assert local(Cron("30 2 * * *", timezone=NEW_YORK).get_dates(2, SPRING)) == ["03:00-0400", "02:30-0400"]


def test_an_hourly_cron_pauses_for_two_hours_when_the_clock_is_set_back() -> None:
    assert local(Cron("0 * * * *", timezone=NEW_YORK).get_dates(3, AUTUMN)) == [
        "01:00-0400",
        "02:00-0500",
        "03:00-0500",
    ]


def test_an_hourly_interval_runs_every_hour_that_passes() -> None:
    hourly = Interval(3600, anchor_date=datetime(2026, 1, 1), timezone=NEW_YORK)
    assert local(hourly.get_dates(3, AUTUMN)) == ["01:00-0400", "01:00-0500", "02:00-0500"]


def test_a_daily_interval_keeps_its_hour() -> None:
    daily = Interval(timedelta(days=1), anchor_date=datetime(2026, 1, 1, 9), timezone=NEW_YORK)
    assert local(daily.get_dates(3, SPRING - timedelta(days=1))) == ["09:00-0500", "09:00-0400", "09:00-0400"]


def test_day_or_decides_whether_both_days_have_to_fit() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    either = Cron("0 0 3 1 2").get_dates(2, start)
    assert [date.day for date in either] == [3, 6]
    [both] = Cron("0 0 3 1 2", day_or=False).get_dates(1, start)
    assert (both.day, both.month, both.isoweekday()) == (3, 1, 2)


def test_the_last_friday_of_each_month() -> None:
    rule = RRule("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17", timezone="Europe/Berlin")
    dates = rule.get_dates(3, datetime(2026, 1, 1, tzinfo=UTC))
    assert [date.astimezone(ZoneInfo("Europe/Berlin")).strftime("%d.%m. %H:%M %Z") for date in dates] == [
        "30.01. 17:00 CET",
        "27.02. 17:00 CET",
        "27.03. 17:00 CET",
    ]


def test_a_rule_ends_with_its_until_which_is_in_utc_and_leaves_out_its_exceptions() -> None:
    text = (
        "DTSTART;TZID=America/New_York:20260101T090000\nRRULE:FREQ=DAILY;UNTIL=20260104T140000Z\n"
        "EXDATE:20260102T140000Z"
    )
    dates = RRule(text).get_dates(10, datetime(2025, 12, 1, tzinfo=UTC))
    assert local(dates) == ["09:00-0500"] * 3
    assert [date.day for date in dates] == [1, 3, 4]


def test_a_rule_by_the_second_since_2020_has_its_next_date_at_once() -> None:
    [date] = RRule("FREQ=SECONDLY;INTERVAL=7").get_dates(1, datetime(2060, 1, 1, tzinfo=UTC))
    assert (date - datetime(2020, 1, 1, tzinfo=UTC)) % timedelta(seconds=7) == timedelta(0)


def test_a_cron_that_is_never_due_has_no_dates() -> None:
    assert Cron("0 0 31 2 *").get_dates(1) == []


@pytest.mark.parametrize("interval", [600, 600.0, timedelta(minutes=10), "PT10M", "00:10:00"])
def test_intervals_are_written_in_several_ways(interval: timedelta | float | str) -> None:
    assert Interval(interval).interval == timedelta(minutes=10)


@pytest.mark.parametrize("text", ["", "* * *", "61 * * * *", "H * * * *", "R * * * *", "often", "* * * * mox"])
def test_what_is_no_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule, match="cron expression"):
        Cron(text)


@pytest.mark.parametrize("text", ["FREQ=OFTEN", "FREQ=DAILY;COUNT=3", "", "FREQ=DAILY;BYDAY=XX", "x" * 7000])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule):
        RRule(text)


@pytest.mark.parametrize("interval", [0, -1, timedelta(0), "soon", float("nan"), None])
def test_what_is_no_interval_is_refused(interval: object) -> None:
    with pytest.raises(InvalidSchedule):
        Interval(interval)  # type: ignore[arg-type]


def test_a_schedule_is_one_of_three() -> None:
    with pytest.raises(InvalidSchedule, match="neither"):
        Schedule()
    with pytest.raises(InvalidSchedule, match="interval and cron"):
        Schedule(interval=timedelta(1), cron="* * * * *")
    with pytest.raises(InvalidSchedule, match="anchor_date"):
        Schedule(cron="* * * * *", anchor_date=SPRING)
    with pytest.raises(InvalidSchedule, match="no time zone 'Mars/Olympus'"):
        Cron("* * * * *", timezone="Mars/Olympus")
    with pytest.raises(InvalidSchedule, match="one time zone"):
        RRule("DTSTART;TZID=Europe/Berlin:20260101T090000\nRRULE:FREQ=DAILY", timezone=NEW_YORK)
