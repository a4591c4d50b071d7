//! What a request that may be done does: one method of the broker, and the answer's model.

use axum::http::Method;
use forebay_auth::ResourcePath;
use forebay_broker::{Namespace, PolicyKeys};
use serde_json::{Map, Value};

use super::errors::Refused;
use super::page::Page;
use super::path::{Place, Scope, Target};
use super::{groups, host, hubs, namespaces, rules};
use crate::access::Credential;
use crate::server::HttpGateway;

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    /// 200 with this.
    Is(Value),
    /// 200 without a body.
    Deleted,
    /// 204: it was not there.
    WasNotThere,
}

impl Done {
    fn deleted(was_there: bool) -> Self {
        if was_there { Self::Deleted } else { Self::WasNotThere }
    }
}

/// A request that may be done.
pub(super) struct Call<'a> {
    pub(super) gateway: &'a HttpGateway,
    pub(super) place: Place,
    /// Host and port by which the client reached us.
    pub(super) endpoint: Option<String>,
    pub(super) scheme: &'static str,
    pub(super) client: String,
    pub(super) body: Map<String, Value>,
    pub(super) page: Page,
}

impl Call<'_> {
    /// Does what is asked for in a namespace.
    pub(super) async fn target(
        &self,
        method: &Method,
        namespace: &Namespace,
        target: Target,
    ) -> Result<Done, Refused> {
        match target {
            // The list is answered without a namespace.
            Target::Namespaces => Err(Refused::NoRoute),
            Target::Namespace { .. } => self.namespace(namespace),
            Target::Hubs { .. } => {
                let hubs = self.gateway.broker.hub_infos(namespace);
                Ok(self.list(hubs, |hub| hubs::model(&self.place, namespace.name(), &hub)))
            }
            Target::Hub { hub, .. } => self.hub(method, namespace, &hub).await,
            Target::Groups { hub, .. } => {
                let groups = self.gateway.broker.group_infos(namespace, &hub)?;
                let hub = self.hub_name(namespace, &hub)?;
                Ok(self.list(groups, |group| groups::model(&self.place, namespace.name(), &hub, &group)))
            }
            Target::Group { hub, group, .. } => self.group(method, namespace, &hub, &group).await,
            Target::Rules(Scope { hub, .. }) => {
                let policies = self.gateway.broker.policy_infos(namespace, hub.as_deref())?;
                let hub = self.scope_name(namespace, hub.as_deref())?;
                let model = |policy| rules::model(&self.place, namespace.name(), hub.as_deref(), &policy);
                Ok(self.list(policies, model))
            }
            Target::Rule { scope, rule } => self.rule(method, namespace, scope.hub.as_deref(), &rule).await,
            Target::ListKeys { scope, rule } => {
                let keys = self.gateway.broker.policy_keys(namespace, scope.hub.as_deref(), &rule)?;
                self.keys(namespace, scope.hub.as_deref(), &keys)
            }
            Target::RegenerateKeys { scope, rule } => {
                let (hub, (slot, key)) = (scope.hub.as_deref(), rules::replacement(&self.body)?);
                let broker = &self.gateway.broker;
                let keys = broker.regenerate_key(namespace, hub, &rule, slot, key, &self.client).await?;
                self.keys(namespace, hub, &keys)
            }
        }
    }

    fn list<T>(&self, all: Vec<T>, model: impl Fn(T) -> Value) -> Done {
        Done::Is(self.page.of(all, model))
    }

    /// The namespaces that the credential may manage.
    pub(super) fn namespaces(&self, credential: &Credential<'_>) -> Done {
        let broker = &*self.gateway.broker;
        let mut infos = broker.namespace_infos();
        infos.retain(|info| {
            let namespace = broker.find_namespace(&info.name);
            let root = ResourcePath::namespace();
            namespace.is_some_and(|namespace| credential.may_manage(broker, &namespace, &root).is_ok())
        });
        self.list(infos, |info| namespaces::model(&self.place, &info, &self.endpoint_url()))
    }

    fn namespace(&self, namespace: &Namespace) -> Result<Done, Refused> {
        let info = self.gateway.broker.namespace_info(namespace);
        let info = info.ok_or_else(|| Refused::NoNamespace(namespace.name().to_owned()))?;
        Ok(Done::Is(namespaces::model(&self.place, &info, &self.endpoint_url())))
    }

    fn endpoint_url(&self) -> String {
        format!("{}://{}/", self.scheme, self.endpoint.as_deref().unwrap_or("localhost"))
    }

    async fn hub(&self, method: &Method, namespace: &Namespace, hub: &str) -> Result<Done, Refused> {
        let broker = &self.gateway.broker;
        let info = match *method {
            Method::DELETE => {
                return Ok(Done::deleted(broker.delete_hub(namespace, hub, &self.client).await?));
            }
            Method::PUT => {
                let wish = hubs::wish(&self.body)?;
                broker.put_hub(namespace, hub, wish, &self.client).await?.value
            }
            _ => broker.hub_info(namespace, hub)?,
        };
        Ok(Done::Is(hubs::model(&self.place, namespace.name(), &info)))
    }

    async fn group(
        &self,
        method: &Method,
        namespace: &Namespace,
        hub: &str,
        group: &str,
    ) -> Result<Done, Refused> {
        let broker = &self.gateway.broker;
        let hub = self.hub_name(namespace, hub)?;
        let info = match *method {
            Method::DELETE => {
                return Ok(Done::deleted(broker.delete_group(namespace, &hub, group, &self.client).await?));
            }
            Method::PUT => {
                let noted = groups::user_metadata(&self.body)?;
                broker.put_group(namespace, &hub, group, noted, &self.client).await?.value
            }
            _ => broker.group_info(namespace, &hub, group)?,
        };
        Ok(Done::Is(groups::model(&self.place, namespace.name(), &hub, &info)))
    }

    async fn rule(
        &self,
        method: &Method,
        namespace: &Namespace,
        hub: Option<&str>,
        rule: &str,
    ) -> Result<Done, Refused> {
        let broker = &self.gateway.broker;
        let hub = self.scope_name(namespace, hub)?;
        let hub = hub.as_deref();
        let info = match *method {
            Method::DELETE => {
                return Ok(Done::deleted(broker.delete_policy(namespace, hub, rule, &self.client).await?));
            }
            Method::PUT => {
                let rights = rules::rights(&self.body)?;
                broker.put_policy(namespace, hub, rule, rights, &self.client).await?.value
            }
            _ => broker.policy_info(namespace, hub, rule)?,
        };
        Ok(Done::Is(rules::model(&self.place, namespace.name(), hub, &info)))
    }

    fn keys(&self, namespace: &Namespace, hub: Option<&str>, keys: &PolicyKeys) -> Result<Done, Refused> {
        let (broker, config) = (&*self.gateway.broker, &self.gateway.config);
        let info = broker.namespace_info(namespace);
        let info = info.ok_or_else(|| Refused::NoNamespace(namespace.name().to_owned()))?;
        let host = host::of_namespace(broker, &info, self.endpoint.as_deref());
        let hub = self.scope_name(namespace, hub)?;
        Ok(Done::Is(rules::keys(keys, &host, config.amqp, hub.as_deref())))
    }

    /// The hub's name as first written.
    fn hub_name(&self, namespace: &Namespace, hub: &str) -> Result<String, Refused> {
        Ok(self.gateway.broker.hub_info(namespace, hub)?.name)
    }

    fn scope_name(&self, namespace: &Namespace, hub: Option<&str>) -> Result<Option<String>, Refused> {
        hub.map(|hub| self.hub_name(namespace, hub)).transpose()
    }
}
