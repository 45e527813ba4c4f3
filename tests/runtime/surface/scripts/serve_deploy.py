from datetime import timedelta, datetime
from prefect import flow
from prefect.schedules import Cron, Interval, RRule, Schedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule


@flow(log_prints=True)
def f(name: str = "w", n: int = 1):
    print(name)
    return name * n


if __name__ == "__main__":
    d = f.to_deployment(
        name="dep",
        cron="0 9 * * *",
        tags=["x"],
        parameters={"name": "z"},
        description="dd",
        version="1.0",
        concurrency_limit=2,
    )
    print(
        d.name,
        d.flow_name,
        d.tags,
        d.parameters,
        d.description,
        d.version,
        len(d.schedules),
        d.schedules[0].schedule.cron,
    )
    d2 = f.to_deployment("d2", interval=timedelta(minutes=10))
    print(d2.schedules[0].schedule.interval)
    d3 = f.to_deployment(
        "d3",
        schedules=[
            Cron("0 0 * * 1", timezone="Europe/Berlin", parameters={"n": 2}, slug="weekly"),
            Interval(timedelta(hours=1), anchor_date=datetime(2024, 1, 1)),
        ],
    )
    print(len(d3.schedules), d3.schedules[0].schedule.timezone)
    d4 = f.to_deployment("d4", schedule=Cron("@daily"), paused=True)
    print(d4.paused)
    d5 = f.to_deployment("d5", rrule="FREQ=WEEKLY;BYDAY=MO")
    print("FREQ=WEEKLY;BYDAY=MO" in d5.schedules[0].schedule.rrule)
    d6 = f.to_deployment("d6", interval=3600)
    print(d6.schedules[0].schedule.interval)
    try:
        f.to_deployment("d7", cron="bad cron")
    except Exception as e:
        print("bad cron", isinstance(e, ValueError))
    try:
        f.to_deployment("d8", cron="* * * * *", interval=3)
    except ValueError:
        print("refused")
    print(type(d.entrypoint).__name__, d.entrypoint.endswith(":f"))
    print(bool(d.apply()))
