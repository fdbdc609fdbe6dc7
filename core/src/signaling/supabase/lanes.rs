//! Public mode's ways out: the topics of the peers we write to.
//!
//! A peer's topic is joined when the first message for it comes, and left after 60 s without one. At most 16 are
//! joined at a time; a new one takes the place of the one that was quiet for the longest.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::proto::phoenix::{JoinConfig, Topic};
use crate::proto::{MessageId, Timestamp};

/// The peers' topics.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<Topic, Lane>,
}

#[derive(Debug)]
struct Lane {
    joined: bool,
    used: Timestamp,
    waiting: VecDeque<Waiting>,
}

/// A message that waits for its lane.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: MessageId,
    pub(super) text: String,
}

/// What to do with a message.
#[derive(Debug)]
pub(super) enum Route {
    /// The lane is open: send it.
    Send(Waiting),
    /// It waits; join the lane, and leave another to make room.
    Join { leave: Option<Topic> },
    /// It waits for a join that is under way.
    Wait,
}

impl Lanes {
    pub(super) fn route(&mut self, now: Timestamp, topic: &Topic, message: Waiting) -> Route {
        if let Some(lane) = self.lanes.get_mut(topic) {
            lane.used = now;
            if lane.joined {
                return Route::Send(message);
            }
            // The oldest is the likeliest to have been sent again already.
            if lane.waiting.len() >= MOST_WAITING {
                lane.waiting.pop_front();
            }
            lane.waiting.push_back(message);
            return Route::Wait;
        }
        let mut leave = None;
        if self.lanes.len() >= MOST_LANES {
            leave = self.lanes.iter().min_by_key(|(_, lane)| lane.used).map(|(topic, _)| topic.clone());
            if let Some(topic) = &leave {
                self.lanes.remove(topic);
            }
        }
        self.lanes.insert(topic.clone(), Lane { joined: false, used: now, waiting: [message].into() });
        Route::Join { leave }
    }

    /// The lane is open: what waited may go.
    pub(super) fn opened(&mut self, topic: &Topic) -> VecDeque<Waiting> {
        let Some(lane) = self.lanes.get_mut(topic) else { return VecDeque::new() };
        lane.joined = true;
        std::mem::take(&mut lane.waiting)
    }

    /// The lane is lost; the machine rejoins it. What waits is sent again by the call machine.
    pub(super) fn lost(&mut self, topic: &Topic) {
        if let Some(lane) = self.lanes.get_mut(topic) {
            lane.joined = false;
            lane.waiting.clear();
        }
    }

    /// The socket is gone: all lanes are forgotten, the caller leaves them.
    pub(super) fn forget_all(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.lanes).into_keys().collect()
    }

    /// Lanes to leave now.
    pub(super) fn idle(&mut self, now: Timestamp) -> Vec<Topic> {
        let idle: Vec<Topic> = self
            .lanes
            .iter()
            .filter(|(_, lane)| now.since(lane.used) >= IDLE)
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in &idle {
            self.lanes.remove(topic);
        }
        idle
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.lanes.values().map(|lane| lane.used + IDLE).fold(Timestamp::NEVER, Timestamp::min)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.lanes.values().all(|lane| lane.waiting.is_empty())
    }

    /// How a lane is joined.
    pub(super) fn config() -> JoinConfig {
        JoinConfig::default()
    }
}

/// Well under the 100 channels that a connection may have, well above the calls of a phone.
const MOST_LANES: usize = 16;
/// Messages that wait for a join.
const MOST_WAITING: usize = 32;
/// Longer than the gap between two messages of one call while it rings (8 s), shorter than a nuisance.
const IDLE: Duration = Duration::from_secs(60);
