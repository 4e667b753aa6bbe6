"""The contract of stores fails each store that breaks it, and passes one that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from rostra.accounts import Account
from rostra.api_keys import ApiKey
from rostra.chat import Sampling
from rostra.delivery.reply import Reply
from rostra.events import Event
from rostra.feedback.values import AlreadyStored, Assignment, Exclusion, Judgment, Stored, new_id
from rostra.places import Person, Place
from rostra.protocols import Accepted, Duplicate
from rostra.storage.memory import MemoryStore
from rostra.stores import Backlog, Entry, Explanation, Said, Store
from rostra.talks import Talk
from rostra.testing.clock import ManualClock
from rostra.testing.stores import StoreContract
from rostra.versions import Deployment, ModelVersion


class Contract(StoreContract):
    __test__ = False


async def failures(make: Callable[[], Store]) -> set[str]:
    """Return the names of the tests of the contract that a store fails."""
    failed: set[str] = set()
    for name in dir(Contract):
        if not name.startswith("test_"):
            continue
        try:
            await getattr(Contract(), name)(make())
        except Exception:  # noqa: BLE001  whatever it is, the test has failed
            failed.add(name)
    return failed


class Sound(MemoryStore):
    """The broken stores differ from this one in one thing."""

    def __init__(self) -> None:
        super().__init__(clock=ManualClock())


class TakesDuplicatesForNews(Sound):
    async def accept(self, event: Event) -> Accepted | Duplicate:
        taken = await super().accept(event)
        return Accepted(reply=taken.reply)


class MixesUpPlatforms(Sound):
    async def accept(self, event: Event) -> Accepted | Duplicate:
        return await super().accept(replace(event, place=replace(event.place, adapter="any")))


class AnswersTheNewestFirst(Sound):
    async def unfinished(self) -> Sequence[Entry]:
        return list(reversed(await super().unfinished()))


class LosesWhatWasShown(Sound):
    async def advance(self, reply: Reply) -> None:
        await super().advance(replace(reply, address=replace(reply.address, shown=())))


class TakesDeadForUnfinished(Sound):
    async def unfinished(self) -> Sequence[Entry]:
        return [*await super().unfinished(), *await super().dead()]


class CountsTheDeadAsUnfinished(Sound):
    async def backlog(self) -> Backlog:
        found = await super().backlog()
        return replace(found, unfinished=found.unfinished + found.dead)


class SharesOneHistory(Sound):
    async def recall(self, place: Place, limit: int) -> Sequence[Said]:
        return await super().recall(replace(place, thread=None), limit)

    def remember(self, event: Event, reply: str, question: str, answer: str) -> None:
        super().remember(replace(event, place=replace(event.place, thread=None)), reply, question, answer)


class NeverForgets(Sound):
    async def forget(self, place: Place) -> int:
        return len(await super().recall(place, 1000))


class RemembersInShort(Sound):
    async def forget(self, place: Place) -> int:
        before = await self.summary(place)
        count = await super().forget(place)
        self._at(place).summary = before
        return count


class TakesAnySummary(Sound):
    async def summarise(self, event: Event, text: str, *, replies: Sequence[str], follows: str = "") -> bool:
        there = await self.summary(event.place)
        follows = "" if there is None else there.id
        return await super().summarise(event, text, replies=replies, follows=follows)


class TellsOtherPlaces(Sound):
    async def explanation(self, place: Place, reply: str | None = None) -> Explanation | None:
        found = await super().explanation(place, reply)
        return found or await super().explanation(replace(place, thread=None), reply)


class PurgesWhatIsUnfinished(Sound):
    async def purge(self, before: datetime) -> int:
        count = await super().purge(before)
        self._open.clear()
        return count


class PurgesWhatIsYoung(Sound):
    async def purge(self, before: datetime) -> int:
        del before
        return await super().purge(datetime.max.replace(tzinfo=self._clock.now().tzinfo))


class KeepsTheNewest(Sound):
    async def model_version(self, version: ModelVersion) -> str:
        self._models.pop(version.id, None)
        return await super().model_version(version)


class TakesOrphans(Sound):
    async def model_version(self, version: ModelVersion) -> str:
        return await super().model_version(replace(version, parent=""))


class DeploysTheNewestLast(Sound):
    async def deployments(self) -> Sequence[Deployment]:
        return list(reversed(await super().deployments()))


class DeploysWhatNobodyKnows(Sound):
    async def deploy(
        self, deployment: Deployment, *, actor: Person | None = None, adapter: str = ""
    ) -> Deployment:
        self._models.setdefault(deployment.version, ModelVersion(name=deployment.name))
        return await super().deploy(deployment, actor=actor, adapter=adapter)


class KnowsKeysByTheirEnd(Sound):
    async def key_of(self, secret: str) -> ApiKey | None:
        found = (one for one in await self.api_keys() if secret.strip().endswith(one.hint))
        return next(found, None)


class LetsKeysLiveOn(Sound):
    async def end_key(
        self, id_: str, at: datetime, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        ended = await super().end_key(id_, at, actor=actor, adapter=adapter)
        return replace(ended, revoked_at=at)


class ForgetsWhoMadeAKey(Sound):
    async def add_key(
        self, key: ApiKey, secret: str, *, actor: Person | None = None, adapter: str = ""
    ) -> ApiKey:
        return await super().add_key(key, secret, adapter=adapter)


class ShowsConversationsToAnybody(Sound):
    async def talk(self, adapter: str, owner: str, id_: str) -> Talk | None:
        return self._talks.get(id_)


class LetsLinksBeUsedTwice(Sound):
    async def end_session(self, token: str) -> bool:
        there = await self.session_of(token) is not None
        await asyncio.sleep(0)
        return await super().end_session(token) or there


class RemembersWhatWasReplaced(Sound):
    async def ask(self, talk: Talk, event: str, *, instead_of: str = "") -> bool:
        return await super().ask(talk, event)


class KeepsChangedAccountsSignedIn(Sound):
    async def change_account(
        self, account: Account, *, actor: Person | None = None, adapter: str = ""
    ) -> None:
        sessions = self._sessions
        await super().change_account(account, actor=actor, adapter=adapter)
        self._sessions = sessions


class GivesAnAccountToWhoeverHasNone(Sound):
    async def account_by(self, adapter: str, by: str) -> Account | None:
        return await super().account_by(adapter, by.lower()) or await super().account_by(adapter, by)


class CountsWhatWasAsked(Sound):
    async def sampling_config(self, sampling: Sampling) -> str:
        return f"{await super().sampling_config(sampling)}-{sampling.n}"


class HandsOutWithoutCounting(Sound):
    def _live(self, task: str) -> int:
        return 0 * super()._live(task)


class CountsWhateverComes(Sound):
    async def judge(self, judgment: Judgment) -> Stored | AlreadyStored:
        await super().judge(judgment)
        return await super().judge(replace(judgment, id=new_id(), source_event=""))


class TakesWordsForSomebodyElses(Sound):
    async def lease(self, campaign: str, person: str, **wish: Any) -> Assignment | None:
        held = await super().lease(campaign, person, **wish)
        return None if held is None else replace(held, shown_order=tuple(sorted(held.shown_order)))


class KeepsWhatErasedPeopleSaid(Sound):
    def _empty(self, people: Collection[str] | None, before: datetime | None) -> int:
        return super()._empty(None, before)


class ForgetsWhereTheErasedAre(Sound):
    def _containing(self, people: Collection[str], space: str | None = None) -> set[str]:
        return super()._containing((), space)


class NeverExcludes(Sound):
    async def exclude(self, exclusion: Exclusion) -> None:
        await super().exclude(replace(exclusion, revoked_at=exclusion.at))


BROKEN = {
    ShowsConversationsToAnybody: "test_a_conversation_is_its_owners_and_nobody_elses",
    LetsLinksBeUsedTwice: "test_of_several_who_end_one_session_one_did",
    RemembersWhatWasReplaced: "test_what_is_asked_instead_takes_the_place_of_all_that_followed",
    KeepsChangedAccountsSignedIn: "test_a_changed_account_has_to_sign_in_again",
    GivesAnAccountToWhoeverHasNone: "test_whoever_signs_in_elsewhere_has_one_account",
    HandsOutWithoutCounting: "test_what_is_given_back_goes_to_somebody_else",
    CountsWhateverComes: "test_a_judgment_counts_once_however_often_it_comes",
    TakesWordsForSomebodyElses: "test_a_ballot_shows_all_answers_in_an_order_of_its_own",
    KeepsWhatErasedPeopleSaid: "test_what_an_erased_person_said_and_was_answered_is_gone_and_its_traces_are_named",
    ForgetsWhereTheErasedAre: "test_what_an_erased_person_said_and_was_answered_is_gone_and_its_traces_are_named",
    NeverExcludes: "test_what_is_excluded_does_not_count_until_it_is_readmitted",
    KeepsTheNewest: "test_a_version_is_kept_once_and_stays_as_it_was_first",
    TakesOrphans: "test_a_version_leads_back_to_what_it_was_made_from",
    DeploysTheNewestLast: "test_deployments_come_back_newest_first_as_they_were_made",
    DeploysWhatNobodyKnows: "test_a_deployment_is_of_a_version_that_is_known_and_is_in_the_log_of_changes",
    KnowsKeysByTheirEnd: "test_no_other_secret_leads_to_a_key",
    LetsKeysLiveOn: "test_an_end_comes_earlier_but_never_later",
    ForgetsWhoMadeAKey: "test_every_change_of_a_key_is_in_the_log_of_changes_without_its_secret",
    CountsWhatWasAsked: "test_how_answers_are_drawn_is_kept_once",
    TakesDuplicatesForNews: "test_an_event_is_accepted_once",
    MixesUpPlatforms: "test_two_platforms_may_use_the_same_event_id",
    AnswersTheNewestFirst: "test_what_is_unfinished_comes_oldest_first",
    LosesWhatWasShown: "test_a_reply_is_kept_as_far_as_it_has_come",
    TakesDeadForUnfinished: "test_dead_letters_are_listed_oldest_first_and_can_be_sent_again",
    CountsTheDeadAsUnfinished: "test_the_backlog_counts_what_is_unfinished_and_what_is_dead",
    SharesOneHistory: "test_each_place_has_a_history_of_its_own",
    NeverForgets: "test_what_is_forgotten_is_recalled_no_more",
    RemembersInShort: "test_a_fresh_start_forgets_the_summary_and_what_is_being_made_of_it",
    TakesAnySummary: "test_a_summary_follows_the_one_it_was_made_of_or_is_not_kept",
    TellsOtherPlaces: "test_nobody_is_told_about_replies_of_other_places",
    PurgesWhatIsUnfinished: "test_purging_removes_what_is_done_and_nothing_else",
    PurgesWhatIsYoung: "test_purging_removes_what_is_done_and_nothing_else",
}


@pytest.mark.parametrize(("broken", "test"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", ""))
async def test_a_store_that_breaks_the_contract_fails_it(broken: type[Sound], test: str) -> None:
    assert test in await failures(broken)


async def test_a_sound_store_passes() -> None:
    assert await failures(Sound) == set()
