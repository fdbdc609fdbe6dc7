//! The UDP socket of a connection, watched.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::early::Early;
use super::names::Route;
use super::{Shared, Verdict, lock};

/// Wraps the socket of the inner runtime: every datagram is shown to [`Shared`] on its way.
#[derive(Debug)]
pub(super) struct WatchedSocket {
    pub(super) inner: Arc<dyn AsyncUdpSocket>,
    pub(super) shared: Arc<Shared>,
    pub(super) early: Mutex<Early>,
}

impl AsyncUdpSocket for WatchedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let destination = match self.shared.names.route(transmit.destination) {
            Route::Unchanged => transmit.destination,
            Route::To(address) => address,
            Route::Hold => {
                self.shared.names.hold(&self.inner, transmit.destination, transmit.contents);
                return Poll::Ready(Ok(transmit.contents.len()));
            }
        };
        let routed = Transmit {
            destination,
            ecn: transmit.ecn,
            contents: transmit.contents,
            segment_size: transmit.segment_size,
            src_ip: transmit.src_ip,
        };
        let sent = self.inner.poll_send(cx, &routed);
        if matches!(sent, Poll::Ready(Ok(_))) && may_matter(transmit.contents) {
            let segment = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
            for datagram in transmit.contents.chunks(segment) {
                self.shared.handle_outgoing(&self.inner, destination, datagram);
            }
            for _ in 1..Shared::copies(transmit.contents) {
                // A copy that finds no room is lost like any other.
                let _ = self.inner.poll_send(cx, &routed);
            }
        }
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let early = !self.shared.has_begun();
        if early && self.show_again(bufs, meta) {
            return Poll::Ready(Ok(1));
        }
        let received = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = received {
            for (buf, meta) in bufs.iter_mut().zip(meta).take(count) {
                let from = meta.addr;
                let stand_in = self.shared.names.shown(from);
                meta.addr = stand_in.unwrap_or(from);
                // What was held back for a server's name did not pass here on its way out.
                let server = stand_in.is_some();
                let length = meta.len.min(buf.len());
                for datagram in buf[..length].chunks_mut(meta.stride.max(1)) {
                    if !may_matter(datagram) && !self.shared.is_handshaking() {
                        continue;
                    }
                    match self.shared.handle_incoming(from, server, datagram) {
                        Verdict::Drop => datagram[0] = NO_PROTOCOL,
                        Verdict::Pass if early && !server => {
                            lock(&self.early).handle_incoming(from, datagram);
                        }
                        Verdict::Pass => {}
                    }
                }
            }
        }
        received
    }
}

impl WatchedSocket {
    /// Hands out a datagram that came too early, if one is due. The engine asks for more right after each datagram, so
    /// it gets it in the same turn as the answer that made it due.
    fn show_again(&self, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> bool {
        let ([buf, ..], [meta, ..]) = (bufs, meta) else { return false };
        let Some((from, bytes)) = lock(&self.early).poll() else { return false };
        let Some(room) = buf.get_mut(..bytes.len()) else { return false };
        room.copy_from_slice(&bytes);
        *meta = RecvMeta::default();
        meta.addr = from;
        meta.len = bytes.len();
        meta.stride = bytes.len();
        true
    }
}

/// A first byte that the engine drops (RFC 7983). Datagrams share a buffer, so one cannot be taken out.
const NO_PROTOCOL: u8 = 0xff;

/// STUN, DTLS or TURN by the first byte (RFC 7983): SRTP, nearly all of the traffic, pays this test and no more.
fn may_matter(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 80)
}
