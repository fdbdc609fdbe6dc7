//! A road to a hub that can be blocked: what was sent on it is swallowed without a word, as by a network that went away.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A listener that passes every connection on. Dropping it ends all of them.
pub(crate) struct Road {
    addr: SocketAddr,
    blocked: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Road {
    pub(crate) async fn to(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (blocked, block) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut block = block.clone();
                block.mark_unchanged();
                open.spawn(async move {
                    let mut far = TcpStream::connect(hub).await.unwrap();
                    tokio::select! {
                        biased;
                        changed = block.changed() => changed.unwrap_or(()),
                        ended = copy_bidirectional(&mut near, &mut far) => return drop(ended),
                    }
                    // Neither closed nor read: both ends hear nothing any more.
                    std::future::pending::<()>().await;
                });
            }
        });
        Self { addr, blocked, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Connections that are open now carry nothing any more; new ones do.
    pub(crate) fn block_what_is_open(&self) {
        self.blocked.send_replace(());
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.task.abort();
    }
}
