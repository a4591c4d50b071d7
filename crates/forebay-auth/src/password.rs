//! Policy name and key given as they are: SASL PLAIN (docs/reference/amqp.md §2).

use crate::{Grant, KeySlot, PolicyRef, PolicySource, ResourcePath, ResourceScope, Rights, SasError, Secret};

/// Checks a policy's name and one of its keys; with `hub`, a policy of that hub (a connection string with
/// `EntityPath`), else one of the namespace. The grant reaches all of the hub or namespace and never expires.
///
/// # Errors
///
/// [`SasError::PolicyUnknown`] or [`SasError::KeyMismatch`]; their wire text is the same.
pub fn verify_password(
    policies: &dyn PolicySource,
    hub: Option<&str>,
    policy_name: &str,
    key: &Secret,
) -> Result<Grant, SasError> {
    let path = hub.map_or_else(ResourcePath::namespace, ResourcePath::new);
    let Some(policy) = policies.policy(hub, policy_name) else {
        return Err(SasError::PolicyUnknown { policy: policy_name.to_owned(), resource: path });
    };
    let policy_ref = PolicyRef { hub: hub.map(|_| path.as_str().to_owned()), name: policy.name.to_owned() };
    let mut matched = None;
    for slot in KeySlot::ALL {
        // Both keys are always compared, so that the time does not tell which one it was.
        if let Some(view) = policy.key(slot)
            && view.secret.matches(key.expose())
        {
            matched = matched.or(Some((slot, view.generation)));
        }
    }
    let Some((key_slot, key_generation)) = matched else {
        return Err(SasError::KeyMismatch { policy: policy_ref, resource: path });
    };
    let rights: Rights = policy.rights;
    let scope = ResourceScope { only_hub: policy_ref.hub.clone(), path };
    Ok(Grant {
        policy: policy_ref,
        key_slot,
        key_generation,
        scope,
        rights,
        expires_at: None,
        skew_seconds: 0,
    })
}
