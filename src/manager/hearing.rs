//! Management connections that broke although the node lives are made anew: one that is slow to be heard closes
//! its side, and one that was stopped by somebody else's signal may take our silence for our end.

use tokio::time::sleep;

use crate::limits::CONTROL_RETRY;
use crate::manager::keeper::Keeper;
use crate::manager::state::{Standing, State};

impl Keeper {
    /// Connects to whoever is not heard any more, until everything stops.
    pub(super) async fn keep_hearing(&self) {
        let mut changes = self.cluster.state.subscribe();
        let unheard = |state: &State| state.unheard().next().is_some();
        while changes.wait_for(unheard).await.is_ok() {
            // A process that is about to end is not heard either, and then it is known to have ended.
            sleep(CONTROL_RETRY).await;
            let numbers: Vec<usize> = self.cluster.state.borrow().unheard().collect();
            for number in numbers {
                self.hear(number).await;
            }
        }
    }

    async fn hear(&self, number: usize) {
        let Some(member) = self.cluster.member(number) else { return };
        // Whoever is just being started or stopped is somebody's business already.
        let Ok(_turn) = member.turn.try_lock() else { return };
        if self.cluster.state.borrow().standing(number) != Standing::Running {
            return;
        }
        let heard = async {
            self.reconnect(&member).await?;
            self.welcome_back(&member).await
        };
        match heard.await {
            Ok(()) => tracing::info!(number, "node heard again"),
            Err(error) => tracing::debug!(number, %error, "node still not heard"),
        }
    }
}
