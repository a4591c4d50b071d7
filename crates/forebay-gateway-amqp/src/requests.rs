//! Requests to `$cbs` and `$management`, and the way of their replies.

use std::sync::Arc;

use forebay_amqp::types::{DeliveryState, condition};
use forebay_amqp::{Connection as Core, Delivery, LinkId, Outgoing, SessionId};

use crate::buffers::OUTPUT_BYTES_HIGH;
use crate::conditions;
use crate::config::{REPLIES_MAX, REQUEST_CREDIT};
use crate::handler::{Decided, Handler, settle};
use crate::links::{Link, Node, Replies, route_reply};
use crate::management;
use crate::request::{Request, write_reply};

impl Handler {
    pub(crate) fn on_request(&mut self, core: &mut Core, node: &Node, delivery: &Delivery<'_>) {
        let link = delivery.link;
        let Some(session) = core.link(link).map(|link| link.session) else { return };
        match Request::parse(&delivery.payload) {
            Ok(request) => {
                settle(core, delivery, DeliveryState::Accepted);
                self.answer(core, node, session, &request);
            }
            Err(malformed) => {
                let error = conditions::error(
                    condition::DECODE_ERROR,
                    format_args!("The request is malformed: {malformed}"),
                );
                settle(core, delivery, DeliveryState::Rejected(Some(error)));
            }
        }
        if let Some(mut receiver) = core.receiver(link)
            && receiver.credit() <= REQUEST_CREDIT / 2
        {
            receiver.set_credit(REQUEST_CREDIT);
        }
    }

    fn answer(&mut self, core: &mut Core, node: &Node, session: SessionId, request: &Request<'_>) {
        let Some(namespace) = self.namespace.clone() else { return };
        let now = self.now();
        match node {
            Node::Cbs => {
                let status = crate::cbs::put_token(
                    request,
                    &self.broker,
                    &namespace,
                    &self.peer,
                    &mut self.tokens,
                    now,
                );
                let mut message = Vec::new();
                write_reply(request.message_id, &status, &mut message, |body| body.null());
                self.reply(core, node, session, request.reply_to, message);
            }
            Node::Management => {
                let question = management::Question::new(request, session);
                let (broker, client) = (Arc::clone(&self.broker), self.peer.to_string());
                let allowed =
                    question.authorise(&broker, &namespace, &mut self.tokens, &self.peer, &self.host, now);
                self.deciding = Some(Box::pin(async move {
                    Decided::Managed(question.answer(&broker, &namespace, &client, allowed).await)
                }));
            }
        }
    }

    pub(crate) fn reply(
        &mut self,
        core: &mut Core,
        node: &Node,
        session: SessionId,
        reply_to: Option<&str>,
        message: Vec<u8>,
    ) {
        let replies = self.links.iter().filter_map(|(link, state)| match state {
            Link::Replies(replies) => Some((*link, &**replies)),
            _ => None,
        });
        let Some(link) = route_reply(replies, node, Some(session), reply_to) else {
            tracing::debug!(peer = %self.peer, "a request to {} without a link for its reply", node.address());
            return;
        };
        if let Some(Link::Replies(replies)) = self.links.get_mut(&link) {
            if replies.waiting.len() >= REPLIES_MAX {
                let text = format!("{REPLIES_MAX} replies wait on this link: give it credit.");
                self.close_link(core, link, conditions::error(condition::RESOURCE_LIMIT_EXCEEDED, text));
                return;
            }
            replies.waiting.push_back(message);
            self.queue(link);
        }
    }
}

/// Sends what waits. `false`: the output is full and there is more.
pub(crate) fn send_replies(replies: &mut Replies, link: LinkId, core: &mut Core, out: &mut Vec<u8>) -> bool {
    while let Some(message) = replies.waiting.front() {
        if out.len() >= OUTPUT_BYTES_HIGH {
            return false;
        }
        let Some(mut sender) = core.sender(link) else { return true };
        if sender.sendable() == 0 {
            return true;
        }
        let tag = replies.next_tag.to_be_bytes();
        let outgoing = Outgoing { tag: &tag, message_format: 0, settled: true };
        if sender.send(&outgoing, out, |out| out.extend_from_slice(message)).is_err() {
            return true;
        }
        replies.next_tag = replies.next_tag.wrapping_add(1);
        replies.waiting.pop_front();
    }
    if let Some(mut sender) = core.sender(link) {
        sender.drained();
    }
    true
}
