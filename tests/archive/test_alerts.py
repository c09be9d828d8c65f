"""What people are told when videos are at stake."""

from dataclasses import replace
from datetime import timedelta

from archive.alerts import alerts
from archive.ledger.queries import Polling, Work
from tests.builders import source

IDLE = Work(due=0, running=0, overdue=0, looks_due=0)
FINE = Polling(open=9, due=2, late=0, lag=timedelta(minutes=3))


def test_alerts__none_where_all_is_well() -> None:
    """Open tasks that are asked about in time are no news."""
    assert [] == alerts(IDLE, {"kie": FINE}, {"kie": source("api.example")})


def test_alerts__within_the_cap_while_links_die_is_a_failure() -> None:
    """The sentence names the source, how many are late and by how much, what is allowed, and what to do."""
    late = Polling(open=5000, due=4800, late=312, lag=timedelta(minutes=26))
    [said] = alerts(IDLE, {"kie": late}, {"kie": source("api.example", rate_limit={"requests": 30, "seconds": 60})})
    for word in ("kie: 312 tasks", "lag 26 min", "links live 20 min", "4,800 looks", "requests a minute", "rate_limit"):
        assert word in said


def test_alerts__a_provider_that_gives_no_answer() -> None:
    """Where looks fail, that is told: at once if all do, and in place of advice about rates when tasks are late."""
    mute = Polling(open=3, due=0, late=0, lag=timedelta(0), asked=2, failing=2, trouble="code_401")
    assert ["kie: the provider's API gave no answer about 2 tasks (code_401)."] == alerts(
        IDLE, {"kie": mute}, {"kie": source("api.example")}
    )
    assert [] == alerts(IDLE, {"kie": replace(mute, failing=1)}, {"kie": source("api.example")})
    [said] = alerts(IDLE, {"kie": replace(mute, late=3)}, {"kie": source("api.example")})
    assert said.endswith("The provider's API is asked and gives no answer (code_401).")


def test_alerts__of_a_paused_source() -> None:
    """Where an operator has paused the source, that is what to do something about."""
    late = Polling(open=2, due=2, late=1, lag=timedelta(hours=5))
    [said] = alerts(IDLE, {"kie": late}, {"kie": source("api.example")}, {"kie"})
    assert said.startswith("kie: 1 task was not heard of")
    assert said.endswith("The source is paused; resume it.")
    assert "lag 5.0 h" in said


def test_alerts__tasks_nobody_can_ask_about() -> None:
    """Open tasks of a source that lost its key or its table are told by its name."""
    [said] = alerts(IDLE, {}, {}, unwatched={"old": 2})
    assert said.startswith("old: 2 open tasks cannot be asked about")


def test_alerts__overdue_files() -> None:
    """Files that wait past their deadline are told too."""
    overdue = Work(due=3, running=0, overdue=3, looks_due=0)
    assert ["3 files are past their deadlines and still waiting."] == alerts(overdue, {}, {})
