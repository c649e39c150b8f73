use std::net::Ipv6Addr;
use std::sync::Barrier;
use std::thread;

use chrono::TimeDelta;

use super::*;

fn budget(clock: &Clock) -> Arc<ExchangeBudget> {
    budget_of(2, clock)
}

fn budget_of(sign_ins: u32, clock: &Clock) -> Arc<ExchangeBudget> {
    let requests = NonZeroU32::new(sign_ins).unwrap();
    let rate = Rate {
        requests,
        period: Duration::from_secs(60),
    };
    ExchangeBudget::new(Some(rate), clock)
}

fn clock() -> Clock {
    Clock::standing_at(Clock::system().now())
}

/// Each client is in an IPv4 /16 of its own.
fn client(number: u32) -> IpAddr {
    IpAddr::from((number << 16).to_be_bytes())
}

fn refusal(result: Result<ExchangePermit, ExchangeRefusal>) -> Option<ExchangeRefusal> {
    result.err()
}

#[test]
fn failures_count_for_the_client_and_successes_do_not() {
    let clock = clock();
    let budget = budget(&clock);
    for _ in 0..20 {
        let permit = budget.reserve(client(1), None).ok().unwrap();
        permit.settle(ExchangeOutcome::Accepted);
    }
    // Dropping the permit is what happens when the client disconnects.
    for outcome in [
        None,
        Some(ExchangeOutcome::Refused),
        Some(ExchangeOutcome::Unavailable),
    ] {
        for _ in 0..2 {
            let permit = budget.reserve(client(1), None).ok().unwrap();
            if let Some(outcome) = outcome {
                permit.settle(outcome);
            }
        }
    }
    let throttled = Some(ExchangeRefusal::Throttled(60));
    assert_eq!(refusal(budget.reserve(client(1), None)), throttled);
    assert_eq!(refusal(budget.reserve(client(2), None)), None);
    clock.advance(TimeDelta::seconds(60));
    assert_eq!(refusal(budget.reserve(client(1), None)), None);
}

#[test]
fn accepted_exchanges_have_a_wide_limit() {
    let clock = clock();
    let budget = budget(&clock);
    let accept = || {
        let permit = budget.reserve(client(1), None);
        permit.map(|permit| permit.settle(ExchangeOutcome::Accepted))
    };
    for number in 0..120 {
        assert_eq!(accept(), Ok(()), "{number}");
    }
    assert_eq!(accept(), Err(ExchangeRefusal::Throttled(60)));
    assert_eq!(refusal(budget.reserve(client(2), None)), None);
    clock.advance(TimeDelta::seconds(60));
    assert_eq!(accept(), Ok(()));
    let unlimited = ExchangeBudget::new(None, &clock);
    for _ in 0..200 {
        let permit = unlimited.reserve(client(1), None).ok().unwrap();
        permit.settle(ExchangeOutcome::Accepted);
    }
}

fn accept(budget: &Arc<ExchangeBudget>, client: IpAddr) -> Result<(), ExchangeRefusal> {
    let permit = budget.reserve(client, None)?;
    permit.settle(ExchangeOutcome::Accepted);
    Ok(())
}

#[test]
fn all_accepted_exchanges_together_have_a_limit() {
    let clock = clock();
    let budget = budget(&clock);
    for number in 0..300 {
        assert_eq!(accept(&budget, client(number)), Ok(()), "{number}");
    }
    let throttled = Err(ExchangeRefusal::Throttled(10));
    assert_eq!(accept(&budget, client(300)), throttled);
    clock.advance(TimeDelta::seconds(10));
    assert_eq!(accept(&budget, client(300)), Ok(()));
}

#[test]
fn networks_leave_accepted_exchanges_to_others() {
    let budget = budget_of(1_000, &clock());
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
    // Every request comes from another /64 of one of two /32s.
    let accepted = (0..1_000).filter(|number: &u128| {
        let address = prefix + ((number % 2) << 96) + ((number / 2) << 64);
        accept(&budget, Ipv6Addr::from_bits(address).into()).is_ok()
    });
    // Without shares each of them has 75; a /32 may have half as many as are left.
    assert_eq!(accepted.count(), 150);
    for number in 0..60 {
        let user = (number, accept(&budget, client(number)));
        assert_eq!(user, (number, Ok(())));
    }
}

#[test]
fn refused_codes_use_up_the_attempt_whatever_the_address() {
    let budget = budget(&clock());
    for number in 0..3 {
        let unavailable = budget.reserve(client(number), Some(("attempt", "code")));
        unavailable
            .ok()
            .unwrap()
            .settle(ExchangeOutcome::Unavailable);
        let refused = budget.reserve(client(number), Some(("attempt", "code")));
        refused.ok().unwrap().settle(ExchangeOutcome::Refused);
    }
    let used = Some(ExchangeRefusal::AttemptUsed);
    assert_eq!(
        refusal(budget.reserve(client(9), Some(("attempt", "code")))),
        used
    );
    assert_eq!(
        refusal(budget.reserve(client(9), Some(("another", "code")))),
        None
    );
}

#[test]
fn an_accepted_code_uses_up_the_attempt_for_other_codes() {
    let budget = budget(&clock());
    let reserve = |code| budget.reserve(client(1), Some(("attempt", code)));
    let permit = reserve("first").ok().unwrap();
    permit.settle(ExchangeOutcome::Accepted);
    let used = Some(ExchangeRefusal::AttemptUsed);
    assert_eq!(refusal(reserve("second")), used);
    // The provider refuses the same code, whose answer may have been lost.
    for _ in 0..3 {
        let permit = reserve("first").ok().unwrap();
        permit.settle(ExchangeOutcome::Refused);
    }
    assert_eq!(refusal(reserve("first")), used);
}

#[test]
fn concurrent_codes_of_one_attempt_are_counted_one_after_the_other() {
    const THREADS: usize = 8;
    let budget = ExchangeBudget::new(None, &clock());
    for round in 0..40 {
        let attempt = format!("attempt-{round}");
        let start = Barrier::new(THREADS);
        // Each thread keeps its permit, as a request does while the provider is asked.
        let allowed: usize = thread::scope(|scope| {
            let reserve = || {
                start.wait();
                budget.reserve(client(round), Some((&attempt, "code"))).ok()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(reserve)).collect();
            let permits = threads.into_iter().filter_map(|one| one.join().unwrap());
            permits.collect::<Vec<_>>().len()
        });
        assert_eq!(allowed, CODES_OF_AN_ATTEMPT, "round {round}");
    }
}

#[test]
fn all_clients_together_have_a_limit_and_failing_ones_reach_it_first() {
    let budget = budget(&clock());
    for number in 0..TOTAL_OF_FAILING_CLIENTS {
        let number = u32::try_from(number / 2).unwrap();
        assert_eq!(refusal(budget.reserve(client(number), None)), None);
    }
    let throttled = Some(ExchangeRefusal::Throttled(10));
    assert_eq!(refusal(budget.reserve(client(1), None)), throttled);
    for number in TOTAL_OF_FAILING_CLIENTS..TOTAL {
        let number = u32::try_from(number).unwrap();
        assert_eq!(refusal(budget.reserve(client(number), None)), None);
    }
    assert_eq!(refusal(budget.reserve(client(9_999), None)), throttled);
}

#[test]
fn a_large_network_cannot_use_up_the_exchanges_of_all_clients() {
    let budget = budget(&clock());
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
    let of_one_network = |number: u128| IpAddr::from(Ipv6Addr::from_bits(prefix + (number << 64)));
    let allowed = (0..2_400).filter(|number| {
        let reserved = budget.reserve(of_one_network(*number), None);
        refusal(reserved).is_none()
    });
    // A /48 may have an eighth as many as are left, and one more.
    assert_eq!(allowed.count(), TOTAL / 9 + 1);
    assert_eq!(refusal(budget.reserve(client(1), None)), None);
}

#[test]
fn a_customer_leaves_exchanges_to_the_neighbours() {
    let clock = clock();
    let budget = budget_of(10, &clock);
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
    let reserve = |network: u128| {
        let address = Ipv6Addr::from_bits(prefix + (network << 64));
        refusal(budget.reserve(IpAddr::from(address), None))
    };
    for _ in 0..7 {
        // Two /64s of the customer's /56.
        let refused = (0..120).filter(|number| reserve(number % 2).is_some());
        assert!(refused.count() > 0);
        assert_eq!(reserve(256), None, "a neighbouring /56");
        clock.advance(TimeDelta::seconds(10));
    }
}

#[test]
fn networks_of_a_provider_leave_the_larger_part_of_the_total_to_others() {
    let budget = budget_of(10, &clock());
    let reserve = |address: u128| budget.reserve(IpAddr::from(Ipv6Addr::from_bits(address)), None);
    // Eight /32s, as a /29 has: each of their requests comes from another /48.
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
    let allowed = (0..40_000_u128).filter(|number| {
        let (provider, customer) = (number % 8, number / 8);
        refusal(reserve(prefix + (provider << 96) + (customer << 80))).is_none()
    });
    assert!(allowed.count() < TOTAL);
    for number in 0..40 {
        assert_eq!(
            refusal(budget.reserve(client(number), None)),
            None,
            "{number}"
        );
    }
}

#[test]
fn a_customer_leaves_the_larger_part_of_its_providers_share_to_others() {
    let budget = budget_of(10, &clock());
    let reserve = |address: u128| budget.reserve(IpAddr::from(Ipv6Addr::from_bits(address)), None);
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
    // Every request comes from another /48 of a /40.
    for round in 0..40_u128 {
        for customer in 0..256_u128 {
            drop(reserve(prefix + (customer << 80) + (round << 64)));
        }
    }
    for neighbour in 1..30 {
        let address = prefix + (neighbour << 88);
        assert_eq!(refusal(reserve(address)), None, "{neighbour}");
    }
}
