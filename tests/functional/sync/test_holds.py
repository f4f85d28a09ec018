"""What the guard stops is kept, shown, and done only when somebody agrees to exactly that; everything else goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.errors import PlanClosedError, UsageError
from syncd.model.run import Mode
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site


@pytest.fixture
def crowd(make_site: SiteFactory) -> Site:
    """Thirty people, fifteen of them in a unit that can be hidden, and a group with twelve of those."""
    site = make_site({"roles": {"map": {"crew": ["sailor"]}}})
    hidden = site.slapd.add_ou("hidden", parent=site.people_dn)
    site.slapd.add_people(15, parent=site.people_dn)
    dns = site.slapd.add_people(15, parent=hidden, first=15)
    site.add_group("crew", *dns[:12])
    site.synced()
    return site


def hide(site: Site) -> None:
    site.slapd.set_acl(f'to dn.subtree="ou=hidden,{site.people_dn}" by * none', "to * by users read by anonymous auth")


def show(site: Site) -> None:
    site.slapd.set_acl("to * by users read by anonymous auth")


def leave(site: Site, *numbers: int) -> None:
    for number in numbers:
        site.slapd.delete(f"uid=u{number:06},ou=hidden,{site.people_dn}")


def test_a_hidden_unit_disables_nobody_while_safe_changes_go_on(crowd: Site) -> None:
    hide(crowd)
    crowd.add_person("newcomer")
    crowd.slapd.modify(f"uid=u000001,{crowd.people_dn}", {"sn": "Changed"})
    run = crowd.sync()
    assert (run.outcome, run.code, run.verdict) == ("held", "too_many_removed", "complete")
    assert run.plan_id == crowd.held_plan().id
    assert "15 of 30 people would be disabled" in str(run.message)
    assert f"syncd plan approve {run.plan_id}" in str(run.advice)
    assert len(crowd.present()) == 31
    assert crowd.people()["u000001"]["last_name"] == "Changed"
    assert crowd.roles_of("u000015") == {"sailor"}


def test_the_same_plan_is_asked_about_once(crowd: Site) -> None:
    hide(crowd)
    first, second = crowd.sync(), crowd.sync()
    assert (first.outcome, second.outcome) == ("held", "held")
    assert first.plan_id == second.plan_id
    assert list(crowd.plans()) == [first.plan_id]


def test_a_held_run_with_nothing_else_to_do_writes_nothing(crowd: Site) -> None:
    hide(crowd)
    before = crowd.snapshot()
    assert crowd.sync().outcome == "held"
    assert crowd.sync().outcome == "held"
    assert crowd.snapshot() == before


def test_an_approved_plan_is_applied_and_audited(crowd: Site) -> None:
    leave(crowd, *range(15, 30))
    assert crowd.sync().outcome == "held"
    plan = crowd.held_plan()
    run = crowd.approve()
    assert (run.outcome, run.plan_id, run.trigger) == ("succeeded", plan.id, "approval")
    assert crowd.present() == {f"u{number:06}" for number in range(15)}
    assert crowd.plans()[plan.id]["state"] == "applied"
    events = crowd.rows("SELECT action, actor, reason, run_id FROM audit_events WHERE subject_type = 'plan' ORDER BY id")
    assert [event["action"] for event in events] == ["plan.held", "plan.approved", "plan.applied"]
    assert (events[1]["actor"], events[1]["reason"]) == ("anna", "they have really left")
    assert crowd.synced().counts == crowd.synced().counts


def test_an_approval_is_void_when_the_directory_changed_meanwhile(crowd: Site) -> None:
    leave(crowd, *range(15, 29))
    crowd.sync()
    old = crowd.held_plan()
    leave(crowd, 29)
    run = crowd.approve(old.id)
    assert run.outcome == "held"
    assert crowd.held_plan().id != old.id
    assert crowd.plans()[old.id]["state"] == "superseded"
    assert len(crowd.present()) == 30


def test_a_new_colleague_does_not_make_an_approval_void(crowd: Site) -> None:
    leave(crowd, *range(15, 30))
    crowd.sync()
    crowd.add_person("newcomer")
    run = crowd.approve()
    assert run.outcome == "succeeded"
    assert crowd.present() == {f"u{number:06}" for number in range(15)} | {"newcomer"}


@pytest.mark.parametrize("rejected", [False, True])
def test_newcomers_do_not_make_a_held_loss_small_enough(crowd: Site, rejected: bool) -> None:
    leave(crowd, *range(15, 30))
    plan_id = crowd.sync().plan_id
    assert plan_id is not None
    if rejected:
        with crowd.runtime() as runtime:
            runtime.plans.reject(plan_id, actor="bert", reason="they are on leave")
    crowd.slapd.add_people(300, parent=crowd.people_dn, first=100)
    first, second = crowd.sync(), crowd.sync()
    assert (first.outcome, first.plan_id) == ("held", plan_id)
    assert (second.outcome, second.plan_id) == ("held", plan_id), "15 of 330 would be few enough, had nobody asked before"
    assert len(crowd.present()) == 330
    if not rejected:
        assert crowd.approve(plan_id).outcome == "succeeded"
        assert len(crowd.present()) == 315


def test_a_rejected_plan_stays_held_without_another_question(crowd: Site) -> None:
    hide(crowd)
    crowd.sync()
    plan = crowd.held_plan()
    with crowd.runtime() as runtime:
        runtime.plans.reject(plan.id, actor="bert", reason="the ACL is wrong")
        with pytest.raises(PlanClosedError):
            runtime.plans.approve(plan.id, actor="anna", reason="too late")
    run = crowd.sync()
    assert (run.outcome, run.plan_id) == ("held", plan.id)
    assert "rejected by bert: 'the ACL is wrong'" in str(run.message)
    assert list(crowd.plans()) == [plan.id]
    show(crowd)
    assert crowd.synced().plan_id is None
    assert len(crowd.present()) == 30


def test_a_plan_whose_cause_is_gone_is_superseded(crowd: Site) -> None:
    hide(crowd)
    crowd.sync()
    plan = crowd.held_plan()
    show(crowd)
    crowd.synced()
    assert crowd.plans()[plan.id]["state"] == "superseded"


def test_an_expired_plan_cannot_be_approved_and_the_next_run_asks_anew(crowd: Site) -> None:
    hide(crowd)
    crowd.sync()
    plan = crowd.held_plan()
    past = plan.created_at - timedelta(days=1)
    crowd.execute("UPDATE held_plans SET expires_at = :at", at=past.strftime("%Y-%m-%d %H:%M:%S.%f"))
    with crowd.runtime() as runtime, pytest.raises(PlanClosedError, match="expired"):
        runtime.plans.approve(plan.id, actor="anna", reason="too late")
    run = crowd.sync()
    assert run.plan_id != plan.id
    assert crowd.plans()[plan.id]["state"] == "expired"


def test_a_decision_needs_a_reason(crowd: Site) -> None:
    hide(crowd)
    crowd.sync()
    plan = crowd.held_plan()
    with crowd.runtime() as runtime, pytest.raises(UsageError, match="reason"):
        runtime.plans.approve(plan.id, actor="anna", reason="  ")
    assert crowd.held_plan() == plan


def test_every_change_says_what_it_would_do_and_why(crowd: Site) -> None:
    hide(crowd)
    crowd.sync()
    rows = [row for row in crowd.held_changes() if row.kind == "person"]
    assert {row.action for row in rows} == {"disable"}
    assert len(rows) == 15
    assert all("hidden" in str(row.name) and "(objectClass=inetOrgPerson)" in row.rule for row in rows)


def test_a_name_that_only_a_held_removal_frees_is_not_taken(crowd: Site) -> None:
    hide(crowd)
    crowd.add_person("u000020", mail="other@example.com")
    run = crowd.sync()
    assert run.outcome == "held"
    assert len(crowd.present()) == 30
    assert crowd.people()["u000020"]["email"] == "u000020@example.com"
    show(crowd)
    assert crowd.sync().outcome == "partial"


def test_the_whole_group_that_loses_its_members_is_held(crowd: Site) -> None:
    crowd.slapd.modify(f"cn=crew,{crowd.groups_dn}", {"member": [f"uid=u000015,ou=hidden,{crowd.people_dn}"]})
    run = crowd.sync()
    assert run.outcome == "held"
    assert "members_lost" in {objection.code for objection in crowd.held_plan().objections}
    assert "crew would lose 11 of its 12 members" in str(run.message)
    assert crowd.roles_of("u000020") == {"sailor"}
    assert crowd.approve().outcome == "succeeded"
    assert crowd.roles_of("u000020") == set()
    assert crowd.roles_of("u000015") == {"sailor"}


def test_groups_that_are_all_gone_are_held(crowd: Site) -> None:
    crowd.slapd.set_acl(f'to dn.children="{crowd.groups_dn}" by * none', "to * by users read by anonymous auth")
    run = crowd.sync()
    assert (run.outcome, run.code) == ("held", "empty_result")
    assert crowd.roles_of("u000020") == {"sailor"}


def test_an_attribute_that_may_no_longer_be_read_blanks_nobody(crowd: Site) -> None:
    crowd.slapd.set_acl("to attrs=givenName by * none", "to * by users read by anonymous auth")
    run = crowd.sync()
    assert (run.outcome, run.code) == ("held", "values_blanked")
    assert "first_name" in str(run.message)
    assert all(person["first_name"] for person in crowd.people().values())


def test_a_restored_server_with_new_ids_is_held(crowd: Site) -> None:
    entries = crowd.slapd.search("(uid=*)", base=crowd.people_dn)
    for dn, _ in entries:
        crowd.slapd.delete(dn)
    for dn, attributes in entries:
        crowd.slapd.add(dn, attributes)
    before = {name: person["id"] for name, person in crowd.people().items()}
    run = crowd.sync()
    assert run.outcome == "held"
    assert "new entry id" in str(run.message)
    assert {name: person["id"] for name, person in crowd.people().items()} == before
    assert len(crowd.present()) == 30


def test_many_changed_usernames_are_held(crowd: Site) -> None:
    for number in range(15):
        dn = f"uid=u{number:06},{crowd.people_dn}"
        crowd.slapd.rename(dn, f"uid=renamed{number}")
    run = crowd.sync()
    assert (run.outcome, run.code) == ("held", "usernames_changed")
    assert "renamed1" not in crowd.people()


def test_a_dry_run_is_what_the_run_then_does(crowd: Site) -> None:
    leave(crowd, *range(15, 30))
    crowd.add_person("newcomer")
    before = crowd.snapshot(), crowd.plans(), crowd.rows("SELECT * FROM runs"), crowd.rows("SELECT * FROM leases")
    with crowd.runtime() as runtime:
        planned = runtime.sync.plan("corp")
        objections = runtime.sync.judge(planned)
    assert before == (crowd.snapshot(), crowd.plans(), crowd.rows("SELECT * FROM runs"), crowd.rows("SELECT * FROM leases"))
    run = crowd.sync(Mode.FULL)
    assert crowd.held_plan().objections == objections
    assert run.counts is not None
    assert run.counts["users_created"] == planned.plan.counts["users_created"] == 1
    assert crowd.held_plan().counts["users_disabled"] == planned.plan.counts["users_disabled"] == 15
