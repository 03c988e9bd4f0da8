//! A processor that is wrong on purpose, to see that the fault suite finds it. Nothing of this is in what is shipped.

use std::sync::Arc;

use store::books::{self, Projection};
use store::db::{Db, DbError};

use crate::worker::Steps;

/// Moves the checkpoints of a batch before anything of it is written, where the failpoint `processor::checkpoints-first` is set to
/// `return`: a crash in between loses the batch. It takes `books::compare` with it, which would notice.
pub(crate) async fn move_checkpoints_first(db: &Db, projection: Projection, steps: &Arc<Steps>) -> Result<(), DbError> {
    if fail::eval("processor::checkpoints-first", |_| ()).is_none() {
        return Ok(());
    }
    let steps = Arc::clone(steps);
    db.run_tx("checkpoints-first", move |tx| {
        let steps = Arc::clone(&steps);
        Box::pin(async move {
            for (partition, (_, to)) in steps.iter() {
                books::save_checkpoint(tx, projection.name(), *partition, to).await?;
            }
            Ok::<_, DbError>(())
        })
    })
    .await
}
