"""What people are told when videos are at stake."""

from dataclasses import replace
from datetime import timedelta

from archive.alerts import Alert, alerts
from archive.ledger.queries import Polling, Work
from archive.ledger.targets import TargetHealth
from tests.builders import source

IDLE = Work(due=0, running=0, overdue=0, looks_due=0)
MINUTE = timedelta(minutes=1)
FINE = Polling(open=9, due=2, late=0, lag=timedelta(minutes=3))


def test_alerts__none_where_all_is_well() -> None:
    """Open tasks that are asked about in time are no news."""
    assert [] == alerts(
        IDLE, {"kie": FINE}, {"kie": source("api.example")}, targets=[TargetHealth("crm", MINUTE, "x", 0)]
    )


def test_alerts__within_the_cap_while_links_die_is_a_failure() -> None:
    """The sentence names the source, how many are late and by how much, what is allowed, and what to do."""
    late = Polling(open=5000, due=4800, late=312, lag=timedelta(minutes=26))
    [said] = alerts(IDLE, {"kie": late}, {"kie": source("api.example", rate_limit={"requests": 30, "seconds": 60})})
    for word in ("kie: 312 tasks", "lag 26 min", "links live 20 min", "4,800 looks", "requests a minute", "rate_limit"):
        assert word in said.text


def test_alerts__a_provider_that_gives_no_answer() -> None:
    """Where looks fail, that is told: at once if all do, and in place of advice about rates when tasks are late."""
    mute = Polling(open=3, due=0, late=0, lag=timedelta(0), asked=2, failing=2, trouble="code_401")
    [told] = alerts(IDLE, {"kie": mute}, {"kie": source("api.example")})
    assert Alert("no_answer", "kie: the provider's API gave no answer about 2 tasks (code_401).", "kie") == told
    assert [] == alerts(IDLE, {"kie": replace(mute, failing=1)}, {"kie": source("api.example")})
    [said] = alerts(IDLE, {"kie": replace(mute, late=3)}, {"kie": source("api.example")})
    assert said.text.endswith("The provider's API is asked and gives no answer (code_401).")


def test_alerts__of_a_paused_source() -> None:
    """Where an operator has paused the source, that is what to do something about."""
    late = Polling(open=2, due=2, late=1, lag=timedelta(hours=5))
    [said] = alerts(IDLE, {"kie": late}, {"kie": source("api.example")}, {"kie"})
    assert said.text.startswith("kie: 1 task was not heard of")
    assert said.text.endswith("The source is paused; resume it.")
    assert "lag 5.0 h" in said.text


def test_alerts__tasks_nobody_can_ask_about() -> None:
    """Open tasks of a source that lost its key or its table are told by its name."""
    [said] = alerts(IDLE, {}, {}, unwatched={"old": 2})
    assert said.text.startswith("old: 2 open tasks cannot be asked about")


def test_alerts__orders_in_doubt() -> None:
    """Orders whose task is not known are told by source, with where to look."""
    [said] = alerts(IDLE, {}, {}, in_doubt={"kyy": 2})
    assert ("order_in_doubt:kyy", "kyy") == (said.key, said.source)
    assert said.text.startswith("kyy: of 2 orders no task is known")
    assert "reelkeep orders list" in said.text


def test_alerts__overdue_files() -> None:
    """Files that wait past their deadline are told too."""
    overdue = Work(due=3, running=0, overdue=3, looks_due=0)
    [told] = alerts(overdue, {}, {})
    assert ("overdue", "3 files are past their deadlines and still waiting.", None) == (told.key, told.text, told.about)


def test_alerts__a_store_that_takes_nothing() -> None:
    """F72: files that wait for the store are told with S3's own code, and how many of them are kept."""
    held = Work(due=0, running=0, overdue=0, looks_due=0, held=12, kept=10, store_reason="store_access_denied")
    [told] = alerts(held, {}, {})
    assert ("store_unavailable", None) == (told.key, told.about)
    assert "(store_access_denied): 12 files wait for it, 10 of them kept in the spool." in told.text


def test_alerts__a_target_that_takes_nothing() -> None:
    """It is told after an hour, by its name and the last failure; what died unheard is told for each target."""
    mute = TargetHealth("crm", 60 * MINUTE, "http_503", 2)
    callers = TargetHealth("", timedelta(0), None, 1)
    told = {alert.key: alert.text for alert in alerts(IDLE, {}, {}, targets=[callers, mute])}
    assert {
        "target_failing:crm": "Target crm has taken no notification for 60 min (http_503).",
        "dead_letters:crm": "Target crm: 2 notifications of the last week are dead; redrive what is still wanted.",
        "dead_letters": "Callbacks passed on to callers of the proxy: 1 notification of the last week is dead; "
        "redrive what is still wanted.",
    } == told
    assert [] == alerts(IDLE, {}, {}, targets=[TargetHealth("crm", 59 * MINUTE, "http_503", 0)])


def test_alerts__what_nobody_sends() -> None:
    """A target that no worker knows is told of; one that fails is told as failing, and only after an hour."""
    [told] = alerts(IDLE, {}, {}, targets=[TargetHealth("crm", timedelta(0), None, 0, unsent=2)])
    assert ("unsent:crm", "crm") == (told.key, told.about)
    assert "2 notifications have been due for over an hour" in told.text
    assert [] == alerts(IDLE, {}, {}, targets=[TargetHealth("crm", 59 * MINUTE, "http_503", 0, unsent=2)])


def test_alerts__keep_their_key_while_figures_change() -> None:
    """An alert is the same one while it lasts, whatever its sentence says."""
    late = Polling(open=2, due=2, late=1, lag=timedelta(hours=5))
    account = {"kie": source("api.example")}
    said = [alerts(IDLE, {"kie": replace(late, late=number)}, account)[0] for number in (1, 2)]
    assert {"polls_late:kie"} == {alert.key for alert in said}
    assert 2 == len({alert.text for alert in said})
