//! What an emulator configuration declares is there from the start.

use forebay_namespace::DEFAULT_NAMESPACE;

use super::{Setup, dev};
use crate::access::Namespace;
use crate::broker::Broker;
use crate::manage::{HubWish, ManageError};
use crate::options::{Declared, DeclaredHub};
use crate::storage::OpenError;

/// Who asks, for the lines that say what was made.
const CLIENT: &str = "the emulator configuration";

/// Makes what is declared and not there. What the folder has besides stays.
///
/// # Errors
/// [`OpenError::Setup`] names the namespace and the hub that cannot be made, and the fix.
pub(crate) async fn declare(broker: &Broker, declared: &Declared) -> Result<(), OpenError> {
    for (index, declared) in declared.namespaces.iter().enumerate() {
        let name = if index == 0 { DEFAULT_NAMESPACE } else { declared.name.as_str() };
        let about = |why: &dyn std::fmt::Display| {
            OpenError::Setup(format!("namespace '{}' of {CLIENT}: {why}", declared.name))
        };
        let setup = Setup { catalog: &broker.catalog, now: broker.wall() };
        dev::create_namespace(setup, name).await.map_err(|why| about(&why))?;
        let namespace = Namespace::new(name);
        for hub in &declared.hubs {
            declare_hub(broker, &namespace, hub)
                .await
                .map_err(|why| about(&format_args!("hub '{}': {why}", hub.name)))?;
        }
    }
    Ok(())
}

async fn declare_hub(broker: &Broker, namespace: &Namespace, hub: &DeclaredHub) -> Result<(), ManageError> {
    let present = broker.hub_info(namespace, &hub.name).ok().map(|info| info.partitions);
    let mut wish = HubWish { partitions: hub.partitions, ..HubWish::default() };
    if let (Some(present), Some(declared)) = (present, hub.partitions)
        && present > declared
    {
        tracing::warn!(
            "hub '{}' has {present} partitions and keeps them: {CLIENT} declares {declared}, and the number only grows",
            hub.name
        );
        wish.partitions = None;
    }
    broker.put_hub(namespace, &hub.name, wish, CLIENT).await?;
    for group in &hub.groups {
        broker.put_group(namespace, &hub.name, group, None, CLIENT).await?;
    }
    Ok(())
}
