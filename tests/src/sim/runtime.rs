//! The engine's runtime in a simulation: tokio's paused clock, gated drivers, simulated sockets.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ringback::media::webrtc::runtime::RuntimeFactory;
use webrtc::runtime::{AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime};

use super::gate::{Gate, GatedTask, TIMER};
use super::net::Net;

/// The runtime of one connection on a simulated host.
#[derive(Debug)]
pub struct SimRuntime {
    host: String,
    net: Arc<Net>,
    gate: Arc<Gate>,
}

impl SimRuntime {
    /// A runtime on `host`. One for each connection.
    pub fn new(net: Arc<Net>, host: &str) -> Self {
        Self { host: host.to_owned(), net, gate: Arc::default() }
    }

    /// The same, taking other legal orders by seed.
    pub fn shuffled(net: Arc<Net>, host: &str, seed: u64) -> Self {
        Self { host: host.to_owned(), net, gate: Arc::new(Gate::shuffled(seed)) }
    }
}

/// The runtimes of a host.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) net: Arc<Net>,
    /// Takes the turns of drivers in another legal order.
    pub(super) shuffle: Option<u64>,
}

impl RuntimeFactory for Host {
    fn runtime(&self) -> Arc<dyn Runtime> {
        let net = self.net.clone();
        Arc::new(match self.shuffle {
            Some(seed) => SimRuntime::shuffled(net, &self.name, seed),
            None => SimRuntime::new(net, &self.name),
        })
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for SimRuntime {
    fn spawn(&self, task: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        Box::new(Task(tokio::spawn(GatedTask::new(task, self.gate.clone()))))
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        self.net.bind(&self.host, socket, self.gate.clone())
    }

    fn wrap_tcp_listener(&self, _: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connect_tcp<'a>(&'a self, _: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn resolve_host<'a>(&'a self, server: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        let parsed = server.parse().map(|address| vec![address]).map_err(io::Error::other);
        Box::pin(std::future::ready(parsed))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        Box::pin(GatedSleep { sleep: Box::pin(tokio::time::sleep(duration)), gate: self.gate.clone() })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        Box::new(Interval(tokio::time::interval(period)))
    }

    fn block_on(&self, _: Pin<Box<dyn Future<Output = ()> + '_>>) {
        unreachable!("the engine never blocks on a runtime that it was given");
    }

    fn yield_now(&self) -> Boxed<'static, ()> {
        let gate = self.gate.clone();
        Box::pin(std::future::poll_fn(
            move |cx| {
                if gate.may_pass(TIMER, cx) { Poll::Ready(()) } else { Poll::Pending }
            },
        ))
    }

    fn name(&self) -> &'static str {
        "simulation"
    }
}

struct Task(tokio::task::JoinHandle<()>);

impl JoinHandle for Task {
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

struct GatedSleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    gate: Arc<Gate>,
}

impl Future for GatedSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.sleep.is_elapsed() && self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if self.gate.may_pass(TIMER, cx) { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct Interval(tokio::time::Interval);

impl AsyncInterval for Interval {
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.0.tick().await;
        })
    }
}
