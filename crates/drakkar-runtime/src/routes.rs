//! Matches the routes of a handler's outputs with the configured sinks.

use std::sync::Arc;

use drakkar_core::{
    handler::Handler,
    payload::{Route, SinkKind, SinkOutputs},
    sink::{Batching, Sink},
};

/// A sink with its name and batch sizes.
#[derive(Clone)]
pub struct NamedSink {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// Its batch sizes, with the configuration applied.
    pub batching: Batching,
    /// Time for one delivery of one batch.
    pub attempt_timeout: std::time::Duration,
}

/// A route that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// There is no such sink.
    #[error(
        "output field `{field}` goes to {kind} sink `{sink}`, which is not configured; \
         add `sinks.{kind}.{sink}` or use one of: {known}"
    )]
    Missing {
        /// The output's field.
        field: &'static str,
        /// The type of sink.
        kind: SinkKind,
        /// The name asked for.
        sink: &'static str,
        /// The names there are.
        known: String,
    },
    /// The route names no sink and there is none of its type.
    #[error(
        "output field `{field}` goes to the only {kind} sink, but none is configured; add one below `sinks.{kind}`"
    )]
    NoDefault {
        /// The output's field.
        field: &'static str,
        /// The type of sink.
        kind: SinkKind,
    },
    /// The route names no sink and there are several of its type.
    #[error(
        "output field `{field}` names no {kind} sink, but there are several: {known}; name one in `#[sink({kind} = \"...\")]`"
    )]
    Ambiguous {
        /// The output's field.
        field: &'static str,
        /// The type of sink.
        kind: SinkKind,
        /// The names there are.
        known: String,
    },
}

/// All routes of a handler, in no particular order.
pub fn required_sinks<H: Handler>() -> Vec<Route> {
    let routes = H::TaskOutputs::ROUTES.iter().chain(H::MessageOutputs::ROUTES);
    routes.chain(H::WindowOutputs::ROUTES).copied().collect()
}

/// Checks that every route of a handler leads to one of these sinks.
///
/// # Errors
/// Names the first route that does not, and what would help.
pub fn check_routes<H: Handler>(sinks: &[NamedSink]) -> Result<(), RouteError> {
    let names: Vec<_> = sinks.iter().map(|s| (s.sink.kind(), &*s.name)).collect();
    Routes::resolve::<H>(&names).map(|_| ())
}

/// Which sink each route of a handler leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Routes {
    pub(crate) task: Vec<usize>,
    pub(crate) message: Vec<usize>,
    pub(crate) window: Vec<usize>,
}

impl Routes {
    /// Resolves all routes against these sinks, given as type and name. Also returns the sinks that no route uses.
    pub(crate) fn resolve<H: Handler>(sinks: &[(SinkKind, &str)]) -> Result<(Self, Vec<usize>), RouteError> {
        let resolve = |routes: &[Route]| routes.iter().map(|r| find(r, sinks)).collect::<Result<Vec<_>, _>>();
        let routes = Self {
            task: resolve(H::TaskOutputs::ROUTES)?,
            message: resolve(H::MessageOutputs::ROUTES)?,
            window: resolve(H::WindowOutputs::ROUTES)?,
        };
        let used = [&routes.task, &routes.message, &routes.window];
        let unused = (0..sinks.len()).filter(|i| used.iter().all(|routes| !routes.contains(i))).collect();
        Ok((routes, unused))
    }
}

fn find(route: &Route, sinks: &[(SinkKind, &str)]) -> Result<usize, RouteError> {
    let of_kind: Vec<_> = sinks.iter().enumerate().filter(|(_, (kind, _))| *kind == route.kind).collect();
    let known = || match of_kind.is_empty() {
        true => "(none)".to_owned(),
        false => of_kind.iter().map(|(_, (_, name))| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    let (field, kind) = (route.field, route.kind);
    if route.sink.is_empty() {
        return match of_kind[..] {
            [(index, _)] => Ok(index),
            [] => Err(RouteError::NoDefault { field, kind }),
            _ => Err(RouteError::Ambiguous { field, kind, known: known() }),
        };
    }
    of_kind
        .iter()
        .find(|(_, (_, name))| *name == route.sink)
        .map(|(index, _)| *index)
        .ok_or_else(|| RouteError::Missing { field, kind, sink: route.sink, known: known() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINKS: &[(SinkKind, &str)] =
        &[(SinkKind::Kafka, "results"), (SinkKind::Kafka, "audit"), (SinkKind::Filesystem, "out")];

    fn route(kind: SinkKind, sink: &'static str) -> Result<usize, RouteError> {
        find(&Route { kind, sink, field: "rows" }, SINKS)
    }

    #[test]
    fn a_name_or_the_only_one_of_its_type_is_found() {
        assert_eq!(route(SinkKind::Kafka, "audit"), Ok(1));
        assert_eq!(route(SinkKind::Filesystem, ""), Ok(2));
    }

    #[test]
    fn a_missing_or_ambiguous_sink_names_route_and_remedy() {
        assert_eq!(
            route(SinkKind::Kafka, "result").unwrap_err().to_string(),
            "output field `rows` goes to kafka sink `result`, which is not configured; \
             add `sinks.kafka.result` or use one of: `results`, `audit`"
        );
        assert!(matches!(route(SinkKind::Kafka, ""), Err(RouteError::Ambiguous { .. })));
        assert!(matches!(
            find(&Route { kind: SinkKind::Filesystem, sink: "", field: "rows" }, &SINKS[..2]),
            Err(RouteError::NoDefault { .. })
        ));
    }
}
