//! Short tasks of a phone whose result nobody waits for: questions, statistics, a look into the store.

use tokio::task::JoinSet;

/// Tasks that end by themselves. Finished ones are let go of whenever another starts, so that they do not pile up.
#[derive(Debug, Default)]
pub(super) struct Chores(JoinSet<()>);

impl Chores {
    pub(super) fn spawn(&mut self, chore: impl Future<Output = ()> + Send + 'static) {
        while self.0.try_join_next().is_some() {}
        self.0.spawn(chore);
    }

    /// Ends all of them; returns once they are gone.
    pub(super) async fn shutdown(&mut self) {
        self.0.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finished_tasks_do_not_pile_up() {
        let mut chores = Chores::default();
        for _ in 0..100 {
            chores.spawn(async {});
            tokio::task::yield_now().await;
        }
        assert!(chores.0.len() <= 2, "{} tasks are kept", chores.0.len());
    }
}
