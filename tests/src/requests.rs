//! Each right of a person as the procedure that it is, on both back ends: asked for, verified, carried out, and every step on record.

use commerce::{StaffId, SubjectId};
use event_log::EventLog;
use ledger::{BusinessZone, Timestamp};
use privacy::requests::{CarriedOut, CarryOutError, Deadlines, Pressing, carry_out, settle};
use store::keys::{
    AccessBy, Actor, Filed, Hold, HoldReason, IdentityKind, KeyStore, KeyStoreError, NewRequest, NotAllowed,
    OpenBoxError, Purpose, Request, RequestChannel, RequestError, RequestKind, RequestState, Shown, Step, Urgency,
    Verification, Words,
};
use uuid::Uuid;

use crate::backend::{Backend, Kind};
use crate::keys::{NOVEMBER, Place, active, after, person, resolve, shop};

/// A key store and a log.
struct Office {
    keys: KeyStore,
    log: EventLog,
    place: Place,
    backend: Backend,
}

async fn offices() -> [Office; 2] {
    [
        Office::open(Place::folder(), Backend::fresh(Kind::Embedded, 1).await).await,
        Office::open(Place::server().await, Backend::fresh(Kind::Servers, 1).await).await,
    ]
}

fn staff(name: &str) -> Actor {
    Actor::Staff(name.parse::<StaffId>().unwrap())
}

impl Office {
    async fn open(place: Place, backend: Backend) -> Office {
        let (keys, _) = place.open().await;
        Office { keys, log: backend.log.clone(), place, backend }
    }

    /// Somebody who ordered this.
    async fn buyer(&self, order: &str) -> SubjectId {
        active(&resolve(&self.keys, person(NOVEMBER, &[(IdentityKind::Order, order)])).await).unwrap()
    }

    async fn file(&self, subject: SubjectId, kind: RequestKind) -> Filed {
        self.file_with(subject, kind, None, NOVEMBER).await.unwrap()
    }

    async fn file_with(
        &self,
        subject: SubjectId,
        kind: RequestKind,
        words: Option<&str>,
        received_at: Timestamp,
    ) -> Result<Filed, RequestError> {
        let new = NewRequest {
            id: Uuid::new_v4(),
            subject: Some(subject),
            kind,
            channel: RequestChannel::Operator,
            verified: None,
            by: staff("support-1"),
            words: words.map(|words| words.to_owned().into()),
            received_at,
            zone: BusinessZone::KARACHI,
        };
        self.keys.file_request(&shop(), new).await
    }

    async fn step(&self, request: &Request, name: &str, step: Step) -> Result<Request, RequestError> {
        self.keys.step_request(&shop(), request.id, step, &staff(name), after(1)).await
    }

    async fn carry_out(&self, request: &Request, outcome: Option<&str>, day: i64) -> Result<CarriedOut, CarryOutError> {
        let outcome = outcome.map(|text| text.parse().unwrap());
        carry_out(&self.keys, &self.log, &self.backend.db, request, outcome, &staff("support-1"), after(day)).await
    }

    async fn stands(&self, request: &Request) -> Request {
        self.keys.request(&shop(), request.id).await.unwrap().unwrap()
    }

    /// `who: what detail`, step by step.
    async fn trail(&self, request: &Request) -> Vec<String> {
        let trail = self.keys.request_trail(&shop(), request.id).await.unwrap();
        assert!(trail.iter().map(|step| step.number).eq((1..).take(trail.len())), "without a gap");
        let told = |detail: Option<String>| detail.map(|text| format!(" {text}")).unwrap_or_default();
        trail.into_iter().map(|step| format!("{}: {}{}", step.actor, step.step, told(step.detail))).collect()
    }
}

const VERIFY: Step = Step::Verify(Verification::Staff);

#[tokio::test]
async fn each_right_is_carried_out_with_an_outcome_once_it_is_known_who_asks() {
    for office in offices().await {
        for (kind, outcome, expected) in [
            (RequestKind::Access, Some("archive-handed-over"), "archive-handed-over"),
            (RequestKind::Portability, Some("archive-handed-over"), "archive-handed-over"),
            (RequestKind::Correction, Some("corrected"), "corrected"),
            (RequestKind::Restriction, None, "restricted"),
            (RequestKind::Objection, None, "objection-applied"),
            (RequestKind::ConsentWithdrawal, None, "consent-withdrawn"),
            (RequestKind::MarketingOptOut, None, "opted-out"),
            (RequestKind::Complaint, Some("courier-fee-refunded"), "courier-fee-refunded"),
            (RequestKind::ActivityHistory, Some("history-handed-over"), "history-handed-over"),
        ] {
            let subject = office.buyer(kind.as_str()).await;
            let Filed::Opened(request) = office.file(subject, kind).await else { panic!("{kind:?}") };
            let early = office.carry_out(&request, Some("done"), 1).await;
            let refused =
                matches!(early, Err(CarryOutError::Request(RequestError::NotAllowed(NotAllowed::NotVerified))));
            assert!(refused, "{kind:?}: nothing is done for strangers: {early:?}");
            let request = office.step(&request, "support-1", VERIFY).await.unwrap();
            if outcome.is_some() {
                let silent = office.carry_out(&request, None, 1).await;
                assert!(matches!(silent, Err(CarryOutError::OutcomeNeeded)), "{silent:?}");
            }
            let CarriedOut::Done(done) = office.carry_out(&request, outcome, 2).await.unwrap() else { panic!() };
            assert_eq!(done.state, RequestState::CarriedOut(expected.parse().unwrap()));
            assert_eq!(done.closed_at, Some(after(2)));
            let carried_out = format!("support-1: carried-out {expected}");
            let trail = ["support-1: received operator", "support-1: verified staff", "support-1: begun", &carried_out];
            assert_eq!(office.trail(&done).await, trail, "{kind:?}");
            assert_eq!(office.stands(&request).await, done, "what is stored is what was answered");
        }
        assert_eq!(office.keys.open_requests().await.unwrap(), []);
    }
}

#[tokio::test]
async fn somebody_is_erased_when_two_different_people_have_said_so() {
    for office in offices().await {
        let subject = office.buyer("1").await;
        let request = office.file(subject, RequestKind::Erasure).await.request().clone();
        let request = office.step(&request, "support-1", VERIFY).await.unwrap();
        let early = office.carry_out(&request, None, 1).await;
        assert!(matches!(early, Err(CarryOutError::Request(RequestError::NotAllowed(NotAllowed::NotApproved)))));
        let request = office.step(&request, "support-1", Step::Approve).await.unwrap();
        let twice = office.step(&request, "support-1", Step::Approve).await;
        assert_eq!(twice, Err(RequestError::NotAllowed(NotAllowed::SamePerson)));
        assert!(office.carry_out(&request, None, 1).await.is_err());
        assert_eq!(office.keys.erasure_of(&shop(), subject).await.unwrap(), None, "nothing was recorded by all that");

        let request = office.step(&request, "owner", Step::Approve).await.unwrap();
        // The process ends here; whoever looks after privacy goes on.
        assert_eq!(settle(&office.keys, &office.log, &office.backend.db, after(2)).await.unwrap(), 1);
        assert_eq!(office.stands(&request).await.state, RequestState::CarriedOut("erased".parse().unwrap()));
        assert!(office.keys.is_announced(&shop(), subject).await.unwrap());
        let trail = [
            "support-1: received operator",
            "support-1: verified staff",
            "support-1: approved",
            "owner: approved",
            "daybook: begun",
            "daybook: carried-out erased",
        ];
        assert_eq!(office.trail(&request).await, trail);
        assert_eq!(settle(&office.keys, &office.log, &office.backend.db, after(3)).await.unwrap(), 0, "once");

        // A merchant for whom one is enough says so beforehand.
        office.keys.set_erasure_takes_two(&shop(), false).await.unwrap();
        let subject = office.buyer("2").await;
        let request = office.file(subject, RequestKind::Erasure).await.request().clone();
        office.keys.set_erasure_takes_two(&shop(), true).await.unwrap();
        let request = office.step(&request, "support-1", VERIFY).await.unwrap();
        assert!(matches!(office.carry_out(&request, None, 1).await, Ok(CarriedOut::Done(_))));
    }
}

#[tokio::test]
async fn an_erasure_waits_for_a_hold_and_is_then_carried_out_by_itself() {
    for office in offices().await {
        let subject = office.buyer("1").await;
        let request = office.file(subject, RequestKind::Erasure).await.request().clone();
        let request = office.step(&request, "a", VERIFY).await.unwrap();
        let request = office.step(&request, "a", Step::Approve).await.unwrap();
        let request = office.step(&request, "b", Step::Approve).await.unwrap();
        let staff = "support-2".parse().unwrap();
        let hold = Hold { subject, reason: HoldReason::Cod, staff, since: NOVEMBER, until: after(5) };
        office.keys.hold(&shop(), hold.clone()).await.unwrap();

        let waits = office.carry_out(&request, None, 1).await.unwrap();
        let CarriedOut::Waits { request, reason, until } = waits else { panic!("{waits:?}") };
        assert_eq!((reason, until, &request.state), (HoldReason::Cod, after(5), &RequestState::UnderWay));
        let waiting = office.keys.waiting_erasures(&shop(), after(2)).await.unwrap();
        assert_eq!(
            waiting.iter().map(|one| (one.requested_at, one.hold.clone())).collect::<Vec<_>>(),
            [(after(1), hold)]
        );
        for step in [Step::Withdraw, Step::Refuse("too-late".parse().unwrap())] {
            let back = office.step(&request, "a", step).await;
            assert_eq!(back, Err(RequestError::NotAllowed(NotAllowed::UnderWay)), "it is on record, and happens");
        }
        assert_eq!(settle(&office.keys, &office.log, &office.backend.db, after(4)).await.unwrap(), 0);

        assert_eq!(privacy::resume(&office.keys, &office.log, &office.backend.db, after(6)).await.unwrap(), 1);
        assert_eq!(office.keys.waiting_erasures(&shop(), after(6)).await.unwrap(), []);
        assert_eq!(settle(&office.keys, &office.log, &office.backend.db, after(6)).await.unwrap(), 1);
        assert_eq!(office.stands(&request).await.state, RequestState::CarriedOut("erased".parse().unwrap()));
    }
}

#[tokio::test]
async fn who_asks_again_joins_their_open_request() {
    for office in offices().await {
        let (one, two) = (office.buyer("1").await, office.buyer("2").await);
        let first = office.file(one, RequestKind::Access).await.request().clone();
        let again = office.file_with(one, RequestKind::Access, None, after(3)).await.unwrap();
        let Filed::Joined(joined) = &again else { panic!("{again:?}") };
        assert_eq!((joined.id, joined.joined, joined.deadline), (first.id, 1, first.deadline), "it keeps its due date");
        assert!(matches!(office.file(one, RequestKind::Erasure).await, Filed::Opened(_)), "of another kind");
        assert!(matches!(office.file(two, RequestKind::Access).await, Filed::Opened(_)), "of somebody else");

        let all = office.keys.requests_of(&shop(), one).await.unwrap();
        let merged: Vec<_> = all.iter().filter(|one| one.state == RequestState::Merged(first.id)).collect();
        assert_eq!((all.len(), merged.len()), (3, 1));
        let trail = ["support-1: received operator".to_owned(), format!("support-1: merged {}", first.id)];
        assert_eq!(office.trail(merged[0]).await, trail);

        let verified = office.step(&first, "a", VERIFY).await.unwrap();
        office.carry_out(&verified, Some("archive-handed-over"), 4).await.unwrap();
        assert!(matches!(office.file(one, RequestKind::Access).await, Filed::Opened(_)), "the first one is closed");
    }
}

#[tokio::test]
async fn of_many_who_file_the_same_at_once_one_request_is_open() {
    for office in offices().await {
        let subject = office.buyer("1").await;
        let all = (0..8).map(|_| office.file(subject, RequestKind::Objection));
        let filed = futures::future::join_all(all).await;
        let opened: Vec<_> = filed.iter().filter(|one| matches!(one, Filed::Opened(_))).collect();
        let id = opened[0].request().id;
        assert_eq!(opened.len(), 1);
        assert!(filed.iter().all(|one| one.request().id == id), "all are told of the one that goes on");
        let open = office.keys.requests(&shop(), false).await.unwrap();
        assert_eq!((open.len(), open[0].joined), (1, 7));
        let joined = office.trail(&open[0]).await.into_iter().filter(|step| step.contains("joined")).count();
        assert_eq!(joined, 7);
    }
}

#[tokio::test]
async fn whatever_is_open_of_who_is_erased_otherwise_ends_but_a_complaint() {
    for office in offices().await {
        let subject = office.buyer("1").await;
        for kind in [RequestKind::Access, RequestKind::Erasure, RequestKind::Complaint] {
            office.file(subject, kind).await;
        }
        let reason = store::keys::ErasureReason::Person;
        privacy::erase(&office.keys, &office.log, &office.backend.db, &shop(), subject, reason, after(1))
            .await
            .unwrap();
        assert_eq!(settle(&office.keys, &office.log, &office.backend.db, after(2)).await.unwrap(), 2);
        let open = office.keys.requests(&shop(), false).await.unwrap();
        assert_eq!(open.iter().map(|one| one.terms.kind).collect::<Vec<_>>(), [RequestKind::Complaint]);
        let all = office.keys.requests(&shop(), true).await.unwrap();
        let void = RequestState::CarriedOut("erased-otherwise".parse().unwrap());
        assert_eq!(all.iter().filter(|one| one.state == void).count(), 2);
        let late = office.file_with(subject, RequestKind::Access, Some("who am I?"), after(3)).await;
        assert_eq!(late, Err(RequestError::Erased), "nothing can be sealed for them");
    }
}

#[tokio::test]
async fn what_is_due_presses_and_is_told_of_once_and_when_overdue_every_day() {
    for office in offices().await {
        let subject = office.buyer("1").await;
        let request = office.file(subject, RequestKind::Access).await.request().clone();
        let mut deadlines = Deadlines::default();
        for (day, pressing, told) in [
            (19, (1, 0, 0), None),
            (21, (1, 1, 0), Some(Urgency::Soon)),
            (22, (1, 1, 0), None),
            (31, (1, 0, 1), Some(Urgency::Overdue)),
            (32, (1, 0, 1), Some(Urgency::Overdue)),
        ] {
            let (open, soon, overdue) = pressing;
            for (nth, told) in [(1, told), (2, None)] {
                let (found, news) = deadlines.look(&office.keys, after(day)).await.unwrap();
                assert_eq!(found, Pressing { open, soon, overdue }, "day {day}");
                let news: Vec<_> = news.into_iter().map(|(request, urgency)| (request.id, urgency)).collect();
                assert_eq!(
                    news,
                    told.map(|urgency| (request.id, urgency)).into_iter().collect::<Vec<_>>(),
                    "{day} {nth}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_person_wrote_is_sealed_read_on_record_and_gone_with_them() {
    const WORDS: &str = "I am Zarmina Unwritten and my rider was rude, call 03001234567";
    for office in offices().await {
        let subject = office.buyer("1").await;
        let filed = office.file_with(subject, RequestKind::Complaint, Some(WORDS), NOVEMBER).await.unwrap();
        let request = filed.request().clone();
        assert!(request.has_words);
        let by = |actor: Actor| AccessBy {
            actor,
            purpose: Purpose::request(RequestKind::Complaint),
            request: request.id,
            at: after(1),
            shown: Shown::Clear,
            fields: &[store::keys::Field::Typed],
        };
        let read = async |actor| office.keys.request_words(&shop(), request.id, &by(actor)).await;
        let refused = read(staff("support-9")).await;
        assert!(matches!(refused, Err(OpenBoxError::Store(KeyStoreError::NotPermitted))));
        let Ok(Words::Written(words)) = read(Actor::Person).await else { panic!("it opens for them") };
        assert_eq!(&*words, WORDS.as_bytes());
        let accesses = office.keys.accesses_of(&shop(), subject).await.unwrap();
        let told: Vec<_> =
            accesses.iter().map(|one| (one.actor.as_str(), one.purpose.as_str(), one.shown.as_str())).collect();
        assert_eq!(told, [("support-9", "request/complaint", "refused"), ("self", "request/complaint", "clear")]);
        assert!(accesses.iter().all(|one| one.request == request.id));
        let long = "x".repeat(store::keys::MOST_WORDS + 1);
        let long = office.file_with(subject, RequestKind::Access, Some(&long), NOVEMBER).await;
        assert_eq!(long, Err(RequestError::TooLong));

        for path in [office.place.folder.path(), office.backend.folder.path()] {
            for entry in std::fs::read_dir(path).unwrap().flatten().filter(|entry| entry.path().is_file()) {
                let bytes = std::fs::read(entry.path()).unwrap();
                for trace in ["Zarmina", "Unwritten", "03001234567"] {
                    let found = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
                    assert!(!found, "{trace} stands in clear in {}", entry.path().display());
                }
            }
        }
        crate::keys::erase(&office.keys, subject, after(2)).await;
        assert!(matches!(read(Actor::Person).await, Ok(Words::None)));
        assert!(!office.stands(&request).await.has_words, "not even its bytes are left");
    }
}
