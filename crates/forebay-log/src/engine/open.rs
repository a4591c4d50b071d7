//! Opening and stopping.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::commit::Committer;
use super::journal::{JournalPool, JournalWriter};
use super::manifest::Manifest;
use super::options::{Damage, OpenError, OpenOptions, OpenReport, Storage};
use super::partition::{Log, PartitionShell};
use super::queue::lock;
use super::recover::{Recovered, Replay, Scan, control_damage, io_error, read_manifest, replay, scan};
use super::shared::Shared;
use super::store::{DiskStore, partition_dir, remove_tree, write_file};
use super::writer::Writer;
use super::{EmbeddedLog, background, readers, writer};
use crate::core::catalog::{Catalog, CatalogPartition};
use crate::core::clock_watch::ClockWatch;
use crate::core::memory::Store;
use crate::core::partition::Partition;
use crate::core::sizes::Sizes;
use crate::core::tail::charge;
use crate::disk::{Disk, Open, read_all};
use crate::error::LogError;
use crate::format::folder::{Folder, FolderId};
use crate::format::journal::ManifestEnd;
use crate::format::manifest::{ManifestEntry, SegmentId};
use crate::format::names::{self, SegmentFile};
use crate::limits;
use crate::planted::{self, Bug};
use crate::types::{Durability, LogId, LogPolicy, Millis, PartitionId, Sequence};

/// A log that is open, and that nothing drives yet.
pub(crate) type Opened = (Arc<Shared>, Option<JournalWriter>, OpenReport);

pub(crate) fn open(options: OpenOptions) -> Result<Opened, OpenError> {
    match (&options.storage, options.durability) {
        (Storage::Memory, Durability::Memory) => open_memory(&options),
        (Storage::Dir(root), Durability::Disk | Durability::Os) => open_dir(&options, &root.clone()),
        (storage, durability) => {
            let text = format!("durability '{durability}' does not go with {storage:?}");
            Err(OpenError::Options(text))
        }
    }
}

fn open_memory(options: &OpenOptions) -> Result<Opened, OpenError> {
    let clock = &options.clock;
    let watch =
        ClockWatch::new(options.distrust_clock, None, Millis::default(), clock.wall(), clock.monotonic());
    let shared = Shared::new(
        Arc::clone(clock),
        Arc::clone(&options.budget),
        options.memory_bytes,
        Sizes::of(u64::MAX),
        watch,
        None,
    );
    let control = Arc::new(Log::new(LogId::CONTROL, LogPolicy::KEEP));
    let shell = PartitionShell::new(&shared, &control, 0, shared.empty_core());
    lock_write(&control.partitions).push(shell);
    lock_write(&shared.logs).insert(LogId::CONTROL, control);
    let report = OpenReport { created: true, clean: true, partitions: 1, ..OpenReport::default() };
    Ok((shared, None, report))
}

fn lock_write<T>(lock: &std::sync::RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Starts the threads.
pub(crate) fn start(shared: Arc<Shared>, journal: Option<JournalWriter>) -> Result<EmbeddedLog, OpenError> {
    let failed = || io_error("start a thread for", Path::new("the log"));
    let named = |name: &str| thread::Builder::new().name(name.into());
    let log = EmbeddedLog { shared: Arc::clone(&shared), threads: Mutex::default(), admin: Mutex::new(()) };
    let mut threads = lock(&log.threads);
    let committer = Committer::new(Arc::clone(&shared), journal);
    threads.commit = Some(named("log-commit").spawn(move || committer.run()).map_err(failed())?);
    let own = Arc::clone(&shared);
    threads.others.push(named("log-background").spawn(move || background::run(&own)).map_err(failed())?);
    for _ in 0..shared.disk().map_or(0, |_| limits::READ_THREADS) {
        let own = Arc::clone(&shared);
        threads.others.push(named("log-read").spawn(move || readers::run(&own)).map_err(failed())?);
    }
    drop(threads);
    Ok(log)
}

fn open_dir(options: &OpenOptions, root: &Path) -> Result<Opened, OpenError> {
    let disk = &options.disk;
    let mut report = OpenReport::default();
    disk.create_dir(root).map_err(io_error("make", root))?;
    let lock_path = root.join(names::LOCK);
    let held = disk
        .lock(&lock_path)
        .map_err(io_error("lock", &lock_path))?
        .ok_or_else(|| OpenError::Locked { folder: root.to_owned() })?;
    let folder = read_or_make_folder(disk.as_ref(), root, &mut report)?;
    let seed = folder.seed();
    let journal_dir = root.join(names::JOURNAL);
    let read = match read_manifest(disk.as_ref(), root, seed)? {
        Some(read) => Some(read),
        None if disk.list(&journal_dir).map_err(io_error("list", &journal_dir))?.is_empty() => None,
        None => {
            let what = "it is missing, and there is a journal";
            return Err(OpenError::Damaged { file: root.join(names::manifest(1)), what: what.into() });
        }
    };
    let floor = read.as_ref().map_or(0, |read| read.catalog.journal_floor);
    let mut scan = scan(disk.as_ref(), &journal_dir, seed, floor)?;
    let catalog = match &read {
        Some(read) => {
            scan.check_manifest(read, root)?;
            read.catalog.clone()
        }
        None => Catalog::with_control_log(),
    };
    report.clean =
        scan.is_empty() && catalog.clean.is_some() && catalog.clean_stop_agrees() || report.created;
    let replay = replay(&scan, &journal_dir, seed, &catalog, &mut report)?;
    if let Some(damage) = control_damage(&report) {
        let what = format!("an entry of the control log is lost: {}", damage.what);
        return Err(OpenError::Damaged { file: damage.file.clone(), what });
    }
    // Until here nothing was changed. What was only read may not be on disk, and a flush that covers it may have
    // failed before: the manifest is written again before files go, or rounds are written, on the strength of it.
    if read.is_none() {
        for name in [names::JOURNAL, names::LOGS, names::SNAPSHOTS] {
            let dir = root.join(name);
            disk.create_dir(&dir).map_err(io_error("make", &dir))?;
        }
    }
    let number = read.as_ref().map_or(1, |read| read.highest + 1);
    let numbers = (number, Sizes::of(options.journal_file_bytes).manifest_bytes);
    let manifest = Manifest::create(root, disk, seed, numbers, catalog.clone(), options.clock.wall())
        .map_err(io_error("write", &root.join(names::manifest(number))))?;
    remove_other_manifests(disk.as_ref(), root, manifest.end())?;
    if !report.clean {
        tidy_files(disk.as_ref(), root, &catalog, &mut report)?;
    }
    for stray in scan.take_strays() {
        orphan(disk.as_ref(), root, &stray, &mut report)?;
    }
    quarantine(disk.as_ref(), root, &scan, &replay)?;
    let journal_bytes = options.journal_bytes_max.min(options.budget.limit() / 2);
    let store = DiskStore {
        root: root.to_owned(),
        disk: Arc::clone(disk),
        seed,
        durability: options.durability,
        segment_bytes_max: options.segment_bytes_max,
        manifest,
        journal: JournalPool::new(
            journal_dir,
            Arc::clone(disk),
            journal_bytes,
            Sizes::of(options.journal_file_bytes),
        ),
        readers: readers::Readers::default(),
        writer: Writer::default(),
        lock: Mutex::new(Some(held)),
    };
    let next_round = catalog.clean.as_ref().map_or(1, |clean| clean.round).max(replay.next_round);
    let (shared, journal) = bring_up(options, store, &catalog, scan, replay, next_round, &mut report)?;
    Ok((shared, Some(journal), report))
}

/// Makes the partitions, writes what came back from the journal into segments, and readies the journal.
fn bring_up(
    options: &OpenOptions,
    store: DiskStore,
    catalog: &Catalog,
    scan: Scan,
    mut replay: Replay,
    next_round: u64,
    report: &mut OpenReport,
) -> Result<(Arc<Shared>, JournalWriter), OpenError> {
    let (clock, sizes) = (&options.clock, Sizes::of(options.journal_file_bytes));
    let last_append = catalog.used().filter_map(|(_, used)| used.last_time).max();
    let before = catalog.wall.max(scan.wall).max(last_append);
    let watch = ClockWatch::new(
        options.distrust_clock,
        before.filter(|_| !report.created),
        catalog.longest_retention(),
        clock.wall(),
        clock.monotonic(),
    );
    let shared = Shared::new(Arc::clone(clock), Arc::clone(&options.budget), 0, sizes, watch, Some(store));
    let store = shared.disk().expect("invariant: it was just given");
    let mut entries = Vec::new();
    for (id, known) in &catalog.logs {
        let log = Arc::new(Log::new(*id, known.policy));
        for index in 0..known.partitions {
            let used = known.used.get(&index);
            let recovered = replay.partitions.remove(&PartitionId { log: *id, index }).unwrap_or_default();
            entries.extend(restore(&shared, &log, index, used, recovered, report));
            report.partitions += 1;
        }
        lock_write(&shared.logs).insert(*id, log);
    }
    let serve_at_once = planted::is(Bug::ServeBeforeFlush);
    let pass = if serve_at_once { Ok(()) } else { writer::pass(&shared) };
    let written = pass.and_then(|()| {
        let generation = scan.generation_max.saturating_add(1);
        entries.push(ManifestEntry::JournalFloor { generation });
        // After a clean stop nothing is new: the record of it says all.
        if report.clean || serve_at_once { Ok(()) } else { store.record(&shared, &entries) }
    });
    written.map_err(|error| OpenError::Io {
        action: "write recovered events into segments of",
        path: store.root.clone(),
        source: std::io::Error::other(error.to_string()),
    })?;
    let next_generation = scan.generation_max.saturating_add(1).max(catalog.journal_floor).max(1);
    let journal_dir = store.root.join(names::JOURNAL);
    let mut old = scan.files;
    old.retain(|file| {
        let usable = file.capacity >= sizes.file_first;
        if !usable && !serve_at_once {
            // Its frames are in segments, and it is too short for the largest round.
            drop(store.disk.remove(&journal_dir.join(names::journal(file.generation))));
        }
        usable && !serve_at_once
    });
    let mut journal = JournalWriter::new(next_round);
    store.journal.durable.store(next_round - 1, std::sync::atomic::Ordering::Release);
    store.journal.written.store(next_round - 1, std::sync::atomic::Ordering::Release);
    store
        .journal
        .start(next_generation, old)
        .and_then(|()| journal.begin(store).map(drop))
        .map_err(io_error("ready the journal in", &journal_dir))?;
    if let Some(control) = shared.partition(PartitionId::CONTROL) {
        let state = lock(&control.state);
        shared.control.start_at(state.core.next(), state.core.last_time());
    }
    Ok((shared, journal))
}

/// One partition as it was; what it must have on record besides.
fn restore(
    shared: &Arc<Shared>,
    log: &Arc<Log>,
    index: u32,
    used: Option<&CatalogPartition>,
    recovered: Recovered,
    report: &mut OpenReport,
) -> Option<ManifestEntry> {
    let core = match used {
        Some(used) => {
            let store = Store::Disk(used.segments.clone());
            let again = u64::from(planted::is(Bug::ReuseNumber) && used.next() > used.start);
            Partition::new(used.start, Sequence(used.next().0 - again), used.last_time, store)
        }
        None => shared.empty_core(),
    };
    let shell = PartitionShell::new(shared, log, index, core);
    let has_batches = !recovered.batches.is_empty();
    let mut record = None;
    {
        let mut state = lock(&shell.state);
        for batch in recovered.batches {
            shared.charge_tail(charge(&batch));
            report.recovered_batches += 1;
            report.recovered_bytes += batch.bytes.len() as u64;
            state.core.commit(batch);
        }
        if let Some(next) = recovered.next_at_least.filter(|next| *next > state.core.next()) {
            state.core.skip_to(next);
            record = Some(ManifestEntry::LogStart {
                partition: shell.id,
                start: state.core.first(),
                next,
                last_time: state.core.last_time(),
                producers: Vec::new(),
            });
        }
        state.unwritten = has_batches;
    }
    if has_batches && let Some(store) = shared.disk() {
        store.writer.list(shared, Arc::clone(&shell));
    }
    lock_write(&log.partitions).push(shell);
    record
}

/// Writes everything behind and records a clean stop.
pub(crate) fn stop_cleanly(
    shared: &Shared,
    store: &DiskStore,
    journal: &JournalWriter,
) -> Result<(), LogError> {
    writer::pass(shared)?;
    let ends = store.manifest.catalog().ends();
    let stop = ManifestEntry::CleanStop {
        generation: store.journal.next_generation(),
        round: journal.next_round(),
        wall: shared.clock.wall(),
        ends,
    };
    store.record(shared, &[stop])
}

fn read_or_make_folder(disk: &dyn Disk, root: &Path, report: &mut OpenReport) -> Result<Folder, OpenError> {
    let path = root.join(names::FORMAT);
    match disk.open(&path, Open::Existing) {
        Ok(file) => {
            let bytes = read_all(file.as_ref()).map_err(io_error("read", &path))?;
            Folder::decode(&bytes)
                .map_err(|error| OpenError::Format { folder: root.to_owned(), reason: error.to_string() })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let entries = disk.list(root).map_err(io_error("list", root))?;
            let ours = |name: &str| {
                name == names::JOURNAL || name == names::LOGS || names::parse_manifest(name).is_some()
            };
            if let Some(entry) = entries.iter().find(|entry| ours(&entry.name)) {
                let reason = format!("it has '{}' but no FORMAT file; it is not whole", entry.name);
                return Err(OpenError::Format { folder: root.to_owned(), reason });
            }
            report.created = true;
            let folder = Folder::new(FolderId(disk.random_id().map_err(io_error("draw an id for", root))?));
            write_file(disk, root, names::FORMAT, folder.encode().as_bytes())
                .map_err(io_error("write", &path))?;
            Ok(folder)
        }
        Err(error) => Err(io_error("open", &path)(error)),
    }
}

/// Removes manifests that do not count: older ones, and one whose snapshot was never finished.
fn remove_other_manifests(disk: &dyn Disk, root: &Path, end: ManifestEnd) -> Result<(), OpenError> {
    for entry in disk.list(root).map_err(io_error("list", root))? {
        if names::parse_manifest(&entry.name).is_some_and(|number| number != end.number) {
            let path = root.join(&entry.name);
            disk.remove(&path).map_err(io_error("remove", &path))?;
        }
    }
    Ok(())
}

/// Finishes deletions, removes what was never recorded, moves what nobody claims, reports what is missing.
fn tidy_files(
    disk: &dyn Disk,
    root: &Path,
    catalog: &Catalog,
    report: &mut OpenReport,
) -> Result<(), OpenError> {
    let logs = root.join(names::LOGS);
    for entry in disk.list(&logs).map_err(io_error("list", &logs))? {
        let path = logs.join(&entry.name);
        match names::parse_log(&entry.name).filter(|_| entry.is_dir) {
            Some(id) if catalog.deleted.contains(&id) => {
                remove_tree(disk, &path).map_err(io_error("remove", &path))?;
            }
            Some(id) if catalog.logs.contains_key(&id) => {
                for entry in disk.list(&path).map_err(io_error("list", &path))? {
                    let known = names::parse_partition(&entry.name).filter(|_| entry.is_dir);
                    if known
                        .is_none_or(|index| catalog.logs.get(&id).is_none_or(|log| index >= log.partitions))
                    {
                        orphan(disk, root, &path.join(&entry.name), report)?;
                    }
                }
            }
            _ => orphan(disk, root, &path, report)?,
        }
    }
    for (id, log) in &catalog.logs {
        for index in 0..log.partitions {
            let id = PartitionId { log: *id, index };
            let unused = CatalogPartition::default();
            tidy_partition(disk, root, id, log.used.get(&index).unwrap_or(&unused), report)?;
        }
    }
    Ok(())
}

fn tidy_partition(
    disk: &dyn Disk,
    root: &Path,
    id: PartitionId,
    used: &CatalogPartition,
    report: &mut OpenReport,
) -> Result<(), OpenError> {
    let dir = partition_dir(root, id);
    let mut missing: Vec<SegmentId> = used.segments.all().iter().map(|segment| segment.id).collect();
    for entry in disk.list(&dir).map_err(io_error("list", &dir))? {
        let path = dir.join(&entry.name);
        let parsed = names::parse_segment(&entry.name).filter(|_| !entry.is_dir);
        let Some((base, generation, file)) = parsed else {
            if entry.name.ends_with(names::TEMPORARY) {
                disk.remove(&path).map_err(io_error("remove", &path))?;
            } else {
                orphan(disk, root, &path, report)?;
            }
            continue;
        };
        let segment = SegmentId { base, generation };
        if used.segments.all().iter().any(|known| known.id == segment) {
            if file == SegmentFile::Log {
                missing.retain(|other| *other != segment);
            }
            continue;
        }
        // Begun and never recorded; or dropped, and the name came back; or another segment has its events.
        let unrecorded = base >= used.next();
        let dropped =
            base < used.start || used.segments.all().first().is_none_or(|first| base < first.id.base);
        let replaced = used
            .segments
            .all()
            .iter()
            .any(|known| known.id.base <= base && (base < known.end.next || base == known.id.base));
        if unrecorded || dropped || replaced {
            disk.remove(&path).map_err(io_error("remove", &path))?;
        } else {
            orphan(disk, root, &path, report)?;
        }
    }
    for segment in missing {
        let is_empty = used.segments.all().iter().any(|known| known.id == segment && known.is_empty());
        if !is_empty {
            let file = super::store::segment_path(root, id, segment, SegmentFile::Log);
            let what = "the file is missing: its events cannot be read".into();
            let first = Some(segment.base);
            report.damage.push(Damage { file, partition: Some(id), first, what });
        }
    }
    if id.log == LogId::CONTROL
        && let Some(damage) = control_damage(report)
    {
        return Err(OpenError::Damaged { file: damage.file.clone(), what: damage.what.clone() });
    }
    Ok(())
}

/// Moves a file or folder that nobody claims to `orphans/`.
fn orphan(disk: &dyn Disk, root: &Path, path: &Path, report: &mut OpenReport) -> Result<(), OpenError> {
    let orphans = root.join(names::ORPHANS);
    disk.create_dir(&orphans).map_err(io_error("make", &orphans))?;
    let inner = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('/', "_");
    let taken = disk.list(&orphans).map_err(io_error("list", &orphans))?;
    let name = (0..)
        .map(|count| if count == 0 { inner.clone() } else { format!("{inner}.{count}") })
        .find(|name| !taken.iter().any(|entry| entry.name == *name))
        .unwrap_or(inner);
    let to = orphans.join(name);
    disk.rename(path, &to).map_err(io_error("move aside", path))?;
    report.orphans.push(to);
    Ok(())
}

/// Keeps a copy of each journal file in which something was lost, before it is used again.
fn quarantine(disk: &dyn Disk, root: &Path, scan: &Scan, replay: &Replay) -> Result<(), OpenError> {
    let mut files = replay.quarantine.clone();
    files.sort_unstable();
    files.dedup();
    let orphans = root.join(names::ORPHANS);
    for file in files.into_iter().filter_map(|at| scan.files.get(at)) {
        disk.create_dir(&orphans).map_err(io_error("make", &orphans))?;
        let bytes = read_all(file.file.as_ref()).map_err(io_error("read", &orphans))?;
        let name = format!("journal_{}", names::journal(file.generation));
        write_file(disk, &orphans, &name, &bytes).map_err(io_error("write", &orphans.join(&name)))?;
    }
    Ok(())
}
