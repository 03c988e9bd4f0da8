//! The table of what may happen, and any sequence of it.

use proptest::prelude::*;

use super::*;
use NotAllowed::{AlreadyVerified, Closed, NoApprovalNeeded, NotApproved, NotStaff, NotVerified, SamePerson, UnderWay};

fn staff(name: &str) -> Actor {
    Actor::Staff(name.parse().unwrap())
}

fn by(name: &str) -> Actor {
    match name {
        "person" => Actor::Person,
        "daybook" => Actor::Daybook,
        "operator" => Actor::Operator,
        other => staff(other),
    }
}

const ERASURE_BY_TWO: Terms = Terms { kind: RequestKind::Erasure, two_people: true };
const ERASURE_BY_ONE: Terms = Terms { kind: RequestKind::Erasure, two_people: false };
const ACCESS: Terms = Terms { kind: RequestKind::Access, two_people: false };

/// Terms, who takes which steps, and what the last one gives.
type Case<'a> = (Terms, &'a [(&'a str, Step)], Result<&'a str, NotAllowed>);

/// Takes the steps one after the other; what the last one gave.
fn after(terms: Terms, steps: &[(&str, Step)]) -> Result<&'static str, NotAllowed> {
    let mut state = RequestState::Received;
    let mut last = Ok(state.as_str());
    for (name, step) in steps {
        let taken = next(terms, &state, step, &by(name));
        if let Ok(reached) = &taken {
            state = reached.clone();
        }
        last = taken.map(|reached| reached.as_str());
    }
    last
}

#[test]
fn each_procedure_as_a_table() {
    use Verification::{Code, Shop, Staff};
    let verify = |how| Step::Verify(how);
    let done = || Step::CarryOut(slug("done"));
    let no = || Step::Refuse(slug("not-them"));
    let cases: &[Case<'_>] = &[
        // Who asks.
        (ACCESS, &[("a", verify(Staff))], Ok("verified")),
        (ACCESS, &[("person", verify(Code))], Ok("verified")),
        (ACCESS, &[("daybook", verify(Shop))], Ok("verified")),
        (ACCESS, &[("operator", verify(Staff))], Err(NotStaff)),
        (ACCESS, &[("a", verify(Staff)), ("person", verify(Code))], Err(AlreadyVerified)),
        // What needs one person.
        (ACCESS, &[("a", done())], Err(NotVerified)),
        (ACCESS, &[("a", verify(Staff)), ("a", done())], Ok("carried-out")),
        (ACCESS, &[("a", verify(Staff)), ("b", Step::Approve)], Err(NoApprovalNeeded)),
        (ACCESS, &[("a", no())], Ok("refused")),
        (ACCESS, &[("person", Step::Withdraw)], Ok("withdrawn")),
        (ACCESS, &[("person", Step::Withdraw), ("a", verify(Staff))], Err(Closed)),
        (ACCESS, &[("a", no()), ("a", done())], Err(Closed)),
        (ACCESS, &[("daybook", Step::Join(Uuid::nil()))], Ok("received")),
        // What needs two.
        (ERASURE_BY_TWO, &[("a", Step::Approve)], Err(NotVerified)),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", done())], Err(NotApproved)),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", Step::Approve)], Ok("approved-once")),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", Step::Approve), ("a", Step::Approve)], Err(SamePerson)),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", Step::Approve), ("b", Step::Begin)], Err(NotApproved)),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("operator", Step::Approve)], Err(NotStaff)),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", Step::Approve), ("b", Step::Approve)], Ok("approved")),
        (
            ERASURE_BY_TWO,
            &[("a", verify(Staff)), ("a", Step::Approve), ("b", Step::Approve), ("c", Step::Approve)],
            Err(NoApprovalNeeded),
        ),
        (
            ERASURE_BY_TWO,
            &[("a", verify(Staff)), ("a", Step::Approve), ("b", Step::Approve), ("b", Step::Begin)],
            Ok("under-way"),
        ),
        (
            ERASURE_BY_TWO,
            &[("a", verify(Staff)), ("a", Step::Approve), ("b", Step::Approve), ("b", Step::Begin), ("c", no())],
            Err(UnderWay),
        ),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", Step::Approve), ("b", no())], Ok("refused")),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("daybook", Step::Overtake)], Ok("carried-out")),
        // The shop's signature is enough, also for what somebody had filed before.
        (ERASURE_BY_TWO, &[("daybook", verify(Shop))], Ok("approved")),
        (ERASURE_BY_TWO, &[("a", verify(Staff)), ("a", Step::Approve), ("daybook", verify(Shop))], Ok("approved")),
        (ERASURE_BY_TWO, &[("daybook", verify(Shop)), ("daybook", Step::Begin)], Ok("under-way")),
        // Where one person is enough.
        (ERASURE_BY_ONE, &[("a", verify(Staff)), ("a", Step::Begin)], Ok("under-way")),
        (ERASURE_BY_ONE, &[("a", verify(Staff)), ("a", Step::Begin), ("person", Step::Withdraw)], Err(UnderWay)),
        (ERASURE_BY_ONE, &[("a", Step::Begin)], Err(NotVerified)),
    ];
    for (terms, steps, expected) in cases {
        assert_eq!(after(*terms, steps), *expected, "{terms:?} {steps:?}");
    }
}

#[test]
fn kinds_survive_storage() {
    for kind in RequestKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert_eq!("Bilqis asked".parse::<RequestKind>(), Err(UnknownRequestKind));
}

fn any_step() -> impl Strategy<Value = (&'static str, Step)> {
    use Verification::{Code, Shop, Staff};
    let how = prop::sample::select(vec![Code, Staff, Shop]);
    let step = prop_oneof![
        4 => how.prop_map(Step::Verify),
        4 => Just(Step::Approve),
        2 => Just(Step::Begin),
        2 => Just(Step::CarryOut(slug("done"))),
        1 => Just(Step::Overtake),
        1 => Just(Step::Refuse(slug("no"))),
        1 => Just(Step::Withdraw),
        1 => Just(Step::Join(Uuid::nil())),
    ];
    (prop::sample::select(vec!["a", "b", "c", "person", "daybook", "operator"]), step)
}

proptest! {
    /// Whatever is tried in whichever order, what was taken is a procedure that may be shown to anybody.
    #[test]
    fn any_sequence_is_a_lawful_one(two_people: bool, erasure: bool, tried in prop::collection::vec(any_step(), 0..20)) {
        let kind = if erasure { RequestKind::Erasure } else { RequestKind::Objection };
        let terms = Terms { kind, two_people };
        let (mut state, mut taken) = (RequestState::Received, Vec::new());
        for (name, step) in tried {
            let before = state.clone();
            match next(terms, &state, &step, &by(name)) {
                Ok(reached) => {
                    prop_assert!(before.is_open(), "nothing happens to what is closed");
                    state = reached;
                    taken.push((name, step));
                }
                Err(_) => prop_assert_eq!(&state, &before),
            }
        }
        let was = |wanted: fn(&Step) -> bool| taken.iter().filter(|(_, step)| wanted(step)).map(|(name, _)| *name).collect::<Vec<_>>();
        let verified = was(|step| matches!(step, Step::Verify(_)));
        let by_shop = !was(|step| matches!(step, Step::Verify(Verification::Shop))).is_empty();
        let approved = was(|step| matches!(step, Step::Approve));
        let done = was(|step| matches!(step, Step::Begin | Step::CarryOut(_)));
        if !done.is_empty() {
            prop_assert!(!verified.is_empty(), "nothing is done for strangers");
            let enough = !two_people || (erasure && by_shop) || (approved.len() == 2 && approved[0] != approved[1]);
            prop_assert!(enough, "{:?}", taken);
        }
        prop_assert!(approved.iter().all(|name| ["a", "b", "c"].contains(name)));
        let closing = was(|step| matches!(step, Step::CarryOut(_) | Step::Overtake | Step::Refuse(_) | Step::Withdraw));
        prop_assert_eq!(closing.len(), usize::from(!state.is_open()), "once, or not yet");
    }
}
