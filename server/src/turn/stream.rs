//! TURN over TCP and TLS: a connection is a client.
//!
//! Frames follow each other without anything between: a STUN message says its length, channel data too, padded to a
//! multiple of four (RFC 8656 section 12.5). What is neither closes the connection, because the next frame cannot be
//! found.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::config::TurnConfig;
use super::ledger::{Ledger, add};
use super::session::{MOST_DATAGRAM, Outlet, Session};

/// A listener for TCP, or for TLS if there is an acceptor.
pub(super) struct Streams {
    pub(super) config: Arc<TurnConfig>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
}

/// A connection, counted while it is open.
struct Connection {
    config: Arc<TurnConfig>,
    ledger: Arc<Ledger>,
    server: SocketAddr,
    client: SocketAddr,
}

struct StreamOutlet {
    frames: mpsc::Sender<Vec<u8>>,
}

impl Streams {
    /// Serves until it is told to stop; then every connection is gone.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                (stream, client) = self.accept() => self.admit(&mut tasks, stream, client),
                Some(ended) = tasks.join_next() => if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a TURN session panicked");
                },
            }
        }
        tasks.shutdown().await;
    }

    /// The next connection. Cancel safe.
    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "a TURN connection could not be accepted");
                    // Out of descriptors, mostly: some are free in a moment.
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(&self, tasks: &mut JoinSet<()>, stream: TcpStream, client: SocketAddr) {
        let Ok(server) = stream.local_addr() else { return };
        let (config, ledger) = (self.config.clone(), self.ledger.clone());
        let Some(connection) = Connection::open(config, ledger, server, client) else {
            add(&self.ledger.refused_connections, 1);
            return;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let tls = self.tls.clone();
        tasks.spawn(async move {
            let Some(tls) = tls else { return connection.serve(stream).await };
            match timeout(connection.config.setup_limit, tls.accept(stream)).await {
                Ok(Ok(stream)) => connection.serve(stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS with a TURN client"),
                Err(_) => tracing::debug!("a TURN client did not finish its TLS handshake"),
            }
        });
    }
}

impl Connection {
    fn open(
        config: Arc<TurnConfig>,
        ledger: Arc<Ledger>,
        server: SocketAddr,
        client: SocketAddr,
    ) -> Option<Self> {
        let taken = ledger.connections.fetch_add(1, Ordering::Relaxed);
        // Gives its place back if there was none.
        let connection = Self { config, ledger, server, client };
        (taken < connection.config.most_connections).then_some(connection)
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite) {
        let (reader, writer) = split(stream);
        let (to_session, inbox) = mpsc::channel(QUEUE);
        let (frames, outbox) = mpsc::channel(QUEUE);
        let outlet = StreamOutlet { frames };
        let (config, ledger) = (self.config.clone(), self.ledger.clone());
        let session = Session::new(config, ledger, outlet, self.server, self.client);
        // The first to end ends the others: the allocation lives as long as the connection (RFC 8656 section 3.1).
        let ended = tokio::select! {
            () = session.run(inbox) => Ok(()),
            read = read_frames(reader, to_session) => read,
            written = write_frames(writer, outbox) => written,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a TURN connection ended");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.ledger.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Outlet for StreamOutlet {
    fn try_send(&self, mut frame: Vec<u8>) -> io::Result<()> {
        // STUN messages are multiples of four already.
        frame.resize(frame.len().next_multiple_of(4), 0);
        self.frames.try_send(frame).map_err(|_| io::ErrorKind::WouldBlock.into())
    }
}

/// Reads frames until the stream ends. Never reads more than the session takes.
async fn read_frames(mut reader: impl AsyncRead + Unpin, frames: mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    loop {
        let mut frame = vec![0; HEAD];
        match reader.read_exact(&mut frame).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let whole = frame_size([frame[0], frame[1], frame[2], frame[3]]).ok_or(io::ErrorKind::InvalidData)?;
        frame.resize(whole, 0);
        reader.read_exact(&mut frame[HEAD..]).await?;
        if frames.send(frame).await.is_err() {
            return Ok(());
        }
    }
}

/// Writes frames until there are no more. A client that does not read for [`WRITE_LIMIT`] is cut off.
async fn write_frames(
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Some(frame) = frames.recv().await {
        let written = async {
            writer.write_all(&frame).await?;
            // TLS keeps what was written until it is told.
            writer.flush().await
        };
        timeout(WRITE_LIMIT, written).await.map_err(|_| io::ErrorKind::TimedOut)??;
    }
    Ok(())
}

/// The size of a frame by its first four bytes, with its padding; `None` if it is no frame or too large.
fn frame_size([first, _, third, fourth]: [u8; HEAD]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([third, fourth]));
    let whole = match first >> 6 {
        // STUN: a header of 20 bytes, attributes in multiples of four (RFC 8489 section 5).
        0b00 if length % 4 == 0 => 20 + length,
        // Channel data (RFC 8656 section 12.4).
        0b01 => HEAD + length.next_multiple_of(4),
        _ => return None,
    };
    (whole <= MOST_DATAGRAM).then_some(whole)
}

/// What tells the size of a frame.
const HEAD: usize = 4;
/// Frames that wait: 1.3 s of sound. More of a peer's are dropped; a client's wait in the network.
const QUEUE: usize = 64;
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_tell_their_size() {
        assert_eq!(frame_size([0x00, 0x01, 0x00, 0x08]), Some(28));
        assert_eq!(frame_size([0x40, 0x00, 0x00, 0x05]), Some(12));
        assert_eq!(frame_size([0x00, 0x01, 0x00, 0x07]), None);
        assert_eq!(frame_size([0x16, 0x03, 0x01, 0x02]), None, "a TLS handshake");
        assert_eq!(frame_size(*b"GET "), None);
        assert_eq!(frame_size([0x40, 0x00, 0xff, 0xff]), None);
    }

    #[tokio::test]
    async fn frames_are_found_however_the_bytes_arrive() {
        let (mut there, here) = tokio::io::duplex(7);
        let (sender, mut frames) = mpsc::channel(4);
        let stun = [&[0, 1, 0, 0][..], &[9; 16]].concat();
        let channel = [&[0x40, 1, 0, 3][..], &[7, 7, 7, 0]].concat();
        let both = [stun.clone(), channel.clone()].concat();
        let writing = async move {
            there.write_all(&both).await.unwrap();
        };
        let (read, ()) = tokio::join!(read_frames(here, sender), writing);
        read.unwrap();
        assert_eq!(frames.recv().await.unwrap(), stun);
        assert_eq!(frames.recv().await.unwrap(), channel);
        assert_eq!(frames.recv().await, None);
    }
}
