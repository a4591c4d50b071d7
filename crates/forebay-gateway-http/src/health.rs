//! `GET /health`: the two answers of Microsoft's emulator (its `HealthCheckApiSchema`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::server::HttpGateway;

#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    message: &'static str,
}

const HEALTHY: Health = Health { status: "healthy", message: "Service is healthy." };
const UNHEALTHY: Health =
    Health { status: "unhealthy", message: "Service not available. Please try after some time." };

/// 200 while events are taken, 503 before, while stopping, and when the storage refuses.
pub(crate) async fn health(State(gateway): State<Arc<HttpGateway>>) -> (StatusCode, Json<Health>) {
    answer(gateway.broker.is_serving())
}

fn answer(serving: bool) -> (StatusCode, Json<Health>) {
    if serving { (StatusCode::OK, Json(HEALTHY)) } else { (StatusCode::SERVICE_UNAVAILABLE, Json(UNHEALTHY)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_what_the_emulators_users_wait_for() {
        let (status, Json(body)) = answer(true);
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"status":"healthy","message":"Service is healthy."}"#
        );
        let (status, Json(body)) = answer(false);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(serde_json::to_string(&body).unwrap().contains("\"unhealthy\""));
    }
}
