//! Owns the `data_export` job: all users into files, page by page, so that memory does not grow with them.
//! Must not know: SQL, HTTP, or how jobs are claimed and settled.

mod csv_file;
mod file;
mod json_file;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use lockstep_client::types::{DataExportPayload, DataExportResult, ExportFile, ExportFormat};

use self::{csv_file::CsvFile, file::Finished, json_file::JsonFile};
use super::failure::{not_in_contract, store_failed};
use crate::{
    contract::jobs,
    model::{UserFilter, UserRecord},
    queue::{JobContext, JobError, Processor},
    store::Store,
};

/// Users per page.
const PAGE: usize = 1000;

/// Where exports go.
#[derive(Debug, Clone)]
pub struct ExportConfig {
    /// Made when missing, readable by its owner only. So are the files.
    pub folder: PathBuf,
}

/// Writes `users-<job id>.csv` and `.json`. A repeat of the job replaces its files. Users that sign up or change while
/// it runs may or may not be seen.
#[derive(Debug, Clone)]
pub struct DataExport {
    store: Store,
    config: ExportConfig,
}

/// The files of one run; those that are not finished go away when it is dropped.
struct Files {
    csv: Option<CsvFile>,
    json: Option<JsonFile>,
}

impl DataExport {
    /// A processor on this store.
    pub fn new(store: Store, config: ExportConfig) -> Self {
        Self { store, config }
    }

    /// Number of the newest user: where the export ends, more or less.
    async fn newest(&self) -> Result<i64, JobError> {
        let newest = self.store.user_list(UserFilter::default(), None, 1).await;
        let newest = newest.map_err(store_failed)?;
        Ok(newest.first().map_or(0, |user| user.id))
    }
}

impl Processor for DataExport {
    type Job = jobs::DataExport;

    async fn process(
        &self,
        context: JobContext,
        payload: DataExportPayload,
    ) -> Result<DataExportResult, JobError> {
        let folder = self.config.folder.clone();
        let mut files =
            on_disk(move || Files::create(&folder, context.job_id, &payload.formats)).await?;
        let newest = self.newest().await?;
        let (mut last, mut users) = (0, 0);
        loop {
            if context.stop.is_cancelled() {
                return Err(JobError::Stopped);
            }
            let page = self
                .store
                .user_scan(last, PAGE)
                .await
                .map_err(store_failed)?;
            let Some(record) = page.last() else { break };
            last = record.user.id;
            users += i64::try_from(page.len()).map_err(not_in_contract("users"))?;
            files = on_disk(move || files.write(&page)).await?;
            context.progress(percent(last, newest), &format!("{users} users"));
        }
        let finished = on_disk(move || files.finish()).await?;
        let files = finished
            .into_iter()
            .map(|(format, file)| export_file(format, &file, users))
            .collect::<Result<_, _>>()?;
        Ok(DataExportResult { files })
    }
}

impl Files {
    fn create(folder: &Path, job_id: i64, formats: &[ExportFormat]) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = |format: ExportFormat| {
            let wanted = formats.is_empty() || formats.contains(&format);
            wanted.then(|| folder.join(format!("users-{job_id}.{format}")))
        };
        Ok(Self {
            csv: path(ExportFormat::Csv).map(CsvFile::create).transpose()?,
            json: path(ExportFormat::Json).map(JsonFile::create).transpose()?,
        })
    }

    fn write(mut self, records: &[UserRecord]) -> io::Result<Self> {
        if let Some(file) = &mut self.csv {
            file.write(records)?;
        }
        if let Some(file) = &mut self.json {
            file.write(records)?;
        }
        Ok(self)
    }

    fn finish(self) -> io::Result<Vec<(ExportFormat, Finished)>> {
        let csv = self.csv.map(CsvFile::finish).transpose()?;
        let json = self.json.map(JsonFile::finish).transpose()?;
        let csv = csv.map(|file| (ExportFormat::Csv, file));
        let json = json.map(|file| (ExportFormat::Json, file));
        Ok(csv.into_iter().chain(json).collect())
    }
}

fn export_file(format: ExportFormat, file: &Finished, users: i64) -> Result<ExportFile, JobError> {
    Ok(ExportFile {
        name: file.name.parse().map_err(not_in_contract("name"))?,
        format,
        users,
        bytes: i64::try_from(file.bytes).map_err(not_in_contract("bytes"))?,
        sha256: file.sha256.parse().map_err(not_in_contract("sha256"))?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a percentage need not be exact")]
fn percent(done: i64, all: i64) -> f64 {
    100.0 * done as f64 / all.max(1) as f64
}

/// Off the processors' threads: a disk may be slow.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| JobError::retry("the export cannot be written", error))
}
