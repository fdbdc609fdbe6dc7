//! The figures for Prometheus, in the OpenMetrics text format.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::calls::SeenState;
use crate::status::{Sources, StackSnapshot, VERSION};

/// What the text is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A registry whose metrics are taken from these sources at each scrape.
pub(crate) fn registry(sources: Sources) -> Registry {
    let mut registry = Registry::with_prefix("ringback");
    registry.register_collector(Box::new(sources));
    registry
}

/// The metrics of now.
pub(crate) fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    text::encode(&mut text, registry)?;
    Ok(text)
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        write(&self.snapshot(), Writer(encoder))
    }
}

/// The name of a counter is written with `_total` behind it.
fn write(now: &StackSnapshot, mut to: Writer<'_>) -> fmt::Result {
    to.gauges("build", "The version that runs", [([("version", VERSION)], 1)])?;
    to.gauge("uptime_seconds", "Seconds since the start", now.uptime_s)?;
    to.gauge("sockets", "Open websockets", signed(now.hub.sockets))?;
    to.gauge("topics", "Topics that somebody listens to", count(now.hub.topics.len()))?;
    let subscriptions = now.hub.topics.iter().map(|topic| topic.subscribers).sum();
    to.gauge("subscriptions", "Joins of topics", count(subscriptions))?;
    to.gauge("online_phones", "Phones that show themselves in the lobby", count(now.online()))?;
    to.counter("deliveries", "Messages put on their way to a socket", now.hub.delivered)?;
    to.counter("deliveries_lost", "Messages that a slow socket or a fault lost", now.hub.lost)?;
    to.counter("connects", "Sockets that were opened", now.hub.connects)?;
    to.counter("connects_refused", "Sockets that were refused", now.hub.refused_connects)?;
    to.counter("joins", "Joins that were accepted", now.hub.joins)?;
    to.counter("joins_refused", "Joins that were refused", now.hub.refused_joins)?;
    to.counter("messages", "Messages that came in to be fanned out", now.hub.messages)?;
    to.counter("envelopes_unseen", "Envelopes that passed too fast to be looked at", now.unseen)?;
    let states = now.calls_by_state();
    to.gauges(
        "calls",
        "Calls whose signaling passed the hub, by state",
        states.into_iter().map(|(state, calls)| ([("state", word(state))], count(calls))),
    )?;
    to.counters(
        "calls_ended",
        "Calls that ended, by the reason at the caller",
        now.calls.ended.iter().map(|(&reason, &calls)| ([("reason", reason)], calls)),
    )?;
    if let Some(turn) = &now.turn {
        to.gauge("turn_allocations", "TURN allocations that live", count(turn.allocations))?;
        to.counter("turn_allocations_made", "TURN allocations that were made", turn.allocations_total)?;
        to.counter(
            "turn_relayed_bytes",
            "Bytes of payload that TURN relayed, both ways",
            turn.relayed_bytes,
        )?;
        let refused = [
            ("credentials", turn.refused_credentials),
            ("allocation", turn.refused_allocations),
            ("peer", turn.refused_peers),
            ("connection", turn.refused_connections),
        ];
        let refused = refused.into_iter().map(|(what, times)| ([("what", what)], times));
        to.counters("turn_refused", "What TURN refused", refused)?;
    }
    if let Some(echo) = &now.echo {
        to.gauge("echo_online", "Whether calls reach the echo bot", i64::from(echo.online))?;
        to.gauge("echo_calls", "Callers that the echo bot talks to", count(echo.calls))?;
        to.counter("echo_answered", "Calls that the echo bot answered", echo.answered)?;
        to.counter("echo_restarts", "How often the echo bot died and started again", echo.restarts)?;
    }
    Ok(())
}

struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn gauge<N>(&mut self, name: &str, help: &str, value: N) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        ConstGauge::new(value).encode(self.metric(name, help, MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.metric(name, help, MetricType::Counter)?)
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'a str, &'a str); 1], i64)>,
    ) -> fmt::Result {
        let mut metric = self.metric(name, help, MetricType::Gauge)?;
        for (label, value) in values {
            ConstGauge::new(value).encode(metric.encode_family(&label)?)?;
        }
        Ok(())
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'a str, &'a str); 1], u64)>,
    ) -> fmt::Result {
        let mut metric = self.metric(name, help, MetricType::Counter)?;
        for (label, value) in values {
            ConstCounter::new(value).encode(metric.encode_family(&label)?)?;
        }
        Ok(())
    }

    fn metric<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}

fn word(state: SeenState) -> &'static str {
    match state {
        SeenState::Initiated => "initiated",
        SeenState::Ringing => "ringing",
        SeenState::Connecting => "connecting",
        SeenState::Active => "active",
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
