use ringback_proto::signal::{Cancel, Decline, DeclineReason, Hangup, Hex, Ringing, Sender, Settled, To};
use ringback_proto::{DeviceId, Instance, MessageId};

use super::*;

#[test]
fn a_call_is_followed_from_invite_to_hang_up() {
    let mut table = Table::default();
    let now = Instant::now();
    for (kind, state) in
        [("invite", SeenState::Initiated), ("ringing", SeenState::Ringing), ("settled", SeenState::Active)]
    {
        table.see(now, &message(1, kind));
        assert_eq!(table.calls.values().next().unwrap().state, state, "{kind}");
    }
    table.see(now, &message(1, "hangup"));
    assert!(table.calls.is_empty());
    assert_eq!(table.ended, BTreeMap::from([("hung_up", 1)]));
}

#[test]
fn a_late_message_does_not_bring_a_call_back() {
    let mut table = Table::default();
    let now = Instant::now();
    for kind in ["invite", "hangup", "invite", "ringing", "hangup"] {
        table.see(now, &message(1, kind));
    }
    assert!(table.calls.is_empty());
    assert_eq!(table.ended["hung_up"], 1);
}

#[test]
fn a_timeout_is_named_by_whether_it_rang() {
    let mut table = Table::default();
    let now = Instant::now();
    for (call, kinds) in [(1, &["invite", "cancel"][..]), (2, &["invite", "ringing", "cancel"])] {
        for kind in kinds {
            table.see(now, &message(call, kind));
        }
    }
    assert_eq!(table.ended, BTreeMap::from([("no_answer", 1), ("unreachable", 1)]));
}

#[test]
fn calls_whose_end_nobody_saw_do_not_stay() {
    let mut table = Table::default();
    let start = Instant::now();
    table.see(start, &message(1, "invite"));
    table.see(start, &message(2, "invite"));
    table.see(start, &message(2, "settled"));
    table.expire(start + RING_LIFE + Duration::from_secs(1));
    assert_eq!(table.calls.len(), 1);
    table.expire(start + CALL_LIFE + Duration::from_secs(1));
    assert_eq!(table.ended, BTreeMap::from([(UNKNOWN, 2)]));
}

#[test]
fn a_flood_of_invites_costs_the_oldest_calls_and_no_memory() {
    let mut table = Table::default();
    let start = Instant::now();
    for call in 0..2 * MOST_CALLS {
        let later = Duration::from_millis(u64::try_from(call).unwrap());
        table.see(start + later, &message(u16::try_from(call).unwrap(), "invite"));
    }
    assert_eq!(table.calls.len(), MOST_CALLS);
    assert_eq!(table.over.len(), MOST_OVER);
}

#[test]
fn what_strangers_write_makes_no_labels() {
    assert_eq!(label("hung_up"), "hung_up");
    assert_eq!(label("connect_failed.dtls"), "connect_failed");
    assert_eq!(label("replaced.5c1f0a3e-0000-4000-8000-000000000000"), "replaced");
    assert_eq!(label("x\"} 1\nforged"), "other");
    for reason in EndReason::all() {
        let code = reason.code();
        assert!(label(&code) != "other" || code == "other", "{code}");
    }
}

fn message(call: u16, kind: &str) -> Envelope {
    let [high, low] = call.to_be_bytes();
    let mut id = [0; 16];
    (id[0], id[1]) = (high, low);
    let device = DeviceId::from_random([7; 16]);
    let body = match kind {
        "invite" => return invite(CallId::from_random(id)),
        "ringing" => Body::Ringing(Ringing { shown: true, offer: None }),
        "settled" => Body::Settled(Settled { winner: device, nonce: Some(Hex([0; 16])), share: None }),
        "decline" => Body::Decline(Decline { reason: DeclineReason::Declined }),
        "cancel" => Body::Cancel(Cancel { reason: CancelReason::Timeout, by: None }),
        _ => Body::Hangup(Hangup { reason: "hung_up".into() }),
    };
    envelope(CallId::from_random(id), body)
}

fn invite(call: CallId) -> Envelope {
    let invite = serde_json::json!({"seq": 1, "commit": "00".repeat(32)});
    envelope(call, Body::Invite(Box::new(serde_json::from_value(invite).unwrap())))
}

fn envelope(call: CallId, body: Body) -> Envelope {
    let user = |name: &str| UserId::new(name).unwrap();
    Envelope {
        id: MessageId::from_random([9; 16]),
        call,
        ttl: Duration::from_secs(45),
        from: Sender {
            user: user("u1"),
            device: DeviceId::from_random([1; 16]),
            instance: Instance::from_random(1),
        },
        to: To { user: user("u2"), device: None, instance: None },
        body,
    }
}
