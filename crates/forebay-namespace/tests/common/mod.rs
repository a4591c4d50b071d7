//! A control log in memory: appends, folds, answers.

use forebay_namespace::{
    Change, Code, Command, Entry, NodeId, Position, Precondition, ProposalId, Rejection, State, Verdict,
    apply,
};

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) state: State,
    pub(crate) next: u64,
    pub(crate) now_ms: i64,
}

impl Log {
    /// With the namespace `default`.
    pub(crate) fn with_default_namespace() -> Self {
        let mut log = Self::default();
        let command =
            forebay_namespace::namespace::CreateNamespace { name: "default".into(), hosts: Vec::new() };
        log.must(command);
        log
    }

    pub(crate) fn entry(&self, command: impl Into<Command>) -> Entry {
        Entry::new(ProposalId(u128::from(self.next) + 1_000), NodeId(0), self.now_ms, command)
    }

    pub(crate) fn append(&mut self, entry: &Entry) -> Verdict {
        let position = Position::in_log(self.next);
        self.next += 1;
        apply(&mut self.state, position, entry)
    }

    pub(crate) fn propose(&mut self, command: impl Into<Command>) -> Result<Vec<Change>, Rejection> {
        let entry = self.entry(command);
        self.judge(&entry)
    }

    pub(crate) fn propose_if(
        &mut self,
        precondition: Precondition,
        command: impl Into<Command>,
    ) -> Result<Vec<Change>, Rejection> {
        let entry = self.entry(command).only_if(precondition);
        self.judge(&entry)
    }

    fn judge(&mut self, entry: &Entry) -> Result<Vec<Change>, Rejection> {
        match self.append(entry) {
            Verdict::Applied(changes) => Ok(changes),
            Verdict::Rejected(rejection) => Err(rejection),
            other => panic!("neither applied nor rejected: {other:?}"),
        }
    }

    pub(crate) fn must(&mut self, command: impl Into<Command>) -> Vec<Change> {
        self.propose(command).expect("applied")
    }

    pub(crate) fn refused(&mut self, command: impl Into<Command>) -> Code {
        let before = self.state.namespaces().count();
        let rejection = self.propose(command).expect_err("refused");
        assert_eq!(self.state.namespaces().count(), before);
        assert!(!rejection.text.is_empty());
        rejection.code
    }
}
