"""State: persistence before an alarm, hysteresis before its end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.monitoring.detection.state import Condition, StateTracker
from agent.monitoring.spec import PersistenceSpec

N, W, A = Condition.NORMAL, Condition.WARNING, Condition.ALARM


def states(spec: PersistenceSpec, *windows: tuple[Condition, Condition]) -> list[Condition]:
    tracker = StateTracker(spec)
    return [tracker.update(over, still) for over, still in windows]


def test_one_window_of_one_raises_at_once_and_clears_at_once() -> None:
    assert states(PersistenceSpec(), (A, A), (N, N)) == [A, N]


def test_two_of_three_windows_raise() -> None:
    spec = PersistenceSpec(needed=2, of=3)
    assert states(spec, (A, A), (N, N), (A, A)) == [N, N, A]


def test_old_windows_do_not_count_for_persistence() -> None:
    spec = PersistenceSpec(needed=2, of=3)
    assert states(spec, (A, A), (N, N), (N, N), (A, A)) == [N, N, N, N]


def test_within_the_hysteresis_the_alarm_stands() -> None:
    assert states(PersistenceSpec(hysteresis=0.5), (A, A), (N, A), (N, A), (N, N)) == [A, A, A, N]


def test_it_clears_only_after_so_many_quiet_windows_in_a_row() -> None:
    spec = PersistenceSpec(clear_after=2)
    assert states(spec, (A, A), (N, N), (N, A), (N, N), (N, N)) == [A, A, A, A, N]


def test_an_alarm_steps_down_to_a_warning_that_still_stands() -> None:
    assert states(PersistenceSpec(), (A, A), (W, W), (N, N)) == [A, W, N]


def test_a_warning_worsens_to_an_alarm() -> None:
    assert states(PersistenceSpec(), (W, W), (A, A)) == [W, A]


def test_a_restored_alarm_stands_until_it_clears() -> None:
    tracker = StateTracker(PersistenceSpec())
    tracker.restore(A)
    assert tracker.update(N, A) is A
    assert tracker.update(N, N) is N


@given(
    needed=st.integers(1, 4), extra=st.integers(0, 3), clear=st.integers(1, 4),
    windows=st.lists(st.sampled_from([(N, N), (N, W), (N, A), (W, W), (W, A), (A, A)]), max_size=40),
)
def test_no_alarm_without_enough_windows_over_and_peace_in_the_end(
    needed: int, extra: int, clear: int, windows: list[tuple[Condition, Condition]]
) -> None:
    spec = PersistenceSpec(needed=needed, of=needed + extra, clear_after=clear)
    tracker = StateTracker(spec)
    for i, (over, still) in enumerate(windows):
        before, after = tracker.condition, tracker.update(over, still)
        if after > before:
            recent = windows[max(0, i + 1 - spec.of) : i + 1]
            assert sum(o >= after for o, _ in recent) >= needed
    for _ in range(2 * clear + spec.of):
        tracker.update(N, N)
    assert tracker.condition is N
