//! A stream whose writes may not stand still: a peer that does not read breaks it.
//!
//! The clock runs while a write waits for room and begins anew with every byte that finds some. A write that waits longer
//! than the limit fails with `TimedOut`. The limit holds as long as its [`Limit`] lives. Reads are not limited.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream with a limit to how long a write may wait.
#[derive(Debug)]
pub(super) struct WriteLimited<S> {
    stream: S,
    limit: Weak<Duration>,
    /// When a write that waits is given up.
    until: Option<Pin<Box<Sleep>>>,
}

/// Keeps the limit of a stream in force.
#[derive(Debug)]
pub(super) struct Limit {
    #[expect(dead_code, reason = "held, not read: the stream looks whether it is still there")]
    kept: Arc<Duration>,
}

impl<S> WriteLimited<S> {
    pub(super) fn new(stream: S, limit: Duration) -> (Self, Limit) {
        let kept = Arc::new(limit);
        (Self { stream, limit: Arc::downgrade(&kept), until: None }, Limit { kept })
    }

    /// What became of a write, unless it has waited too long.
    fn limited<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let limit = if written.is_pending() { self.limit.upgrade() } else { None };
        let Some(limit) = limit else {
            self.until = None;
            return written;
        };
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
        ready!(until.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteLimited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limited(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.limited(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.limited(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.limited(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    fn narrow() -> (WriteLimited<DuplexStream>, Limit, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(4);
        let (stream, limit) = WriteLimited::new(ours, LIMIT);
        (stream, limit, theirs)
    }

    #[tokio::test]
    async fn a_write_that_nobody_reads_times_out() {
        let (mut stream, _limit, _theirs) = narrow();
        let written = tokio::time::timeout(Duration::from_secs(30), stream.write_all(b"12345")).await;
        assert_eq!(written.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_write_that_is_read_gets_through() {
        let (mut stream, _limit, mut theirs) = narrow();
        let mut read = [0; 5];
        let (written, got) = tokio::join!(stream.write_all(b"12345"), theirs.read_exact(&mut read));
        assert!(written.is_ok() && got.is_ok());
        assert_eq!(&read, b"12345");
    }

    #[tokio::test]
    async fn without_its_limit_a_write_waits() {
        let (mut stream, limit, mut theirs) = narrow();
        drop(limit);
        let waited = tokio::time::timeout(2 * LIMIT, stream.write_all(b"12345")).await;
        assert!(waited.is_err(), "it neither succeeds nor fails");
        let mut read = [0; 4];
        theirs.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"1234");
    }
}
