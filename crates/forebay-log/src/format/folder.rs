//! `FORMAT`: what version a folder is of, who may read it, and its id. A few lines of text, written first.

use super::Seed;

/// The version this program writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// A folder's random id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FolderId(pub(crate) [u8; 16]);

/// What `FORMAT` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// The version that wrote it last.
    pub(crate) version: u32,
    /// The oldest version that may read it.
    pub(crate) min_reader: u32,
    /// Features that a reader must know, by name.
    pub(crate) features: Vec<String>,
    /// The id.
    pub(crate) id: FolderId,
}

/// Why a folder is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("its FORMAT file is damaged ({0})")]
    Damaged(&'static str),
    #[error(
        "it was written by a newer Forebay (its format needs a reader of version {min_reader}, this one reads \
         version {FORMAT_VERSION}); start that newer version instead"
    )]
    TooNew { min_reader: u32 },
    #[error("it uses the feature '{0}', which this version does not know; start the version that wrote it")]
    UnknownFeature(String),
}

impl Folder {
    /// A new folder of this program's version.
    pub(crate) const fn new(id: FolderId) -> Self {
        Self { version: FORMAT_VERSION, min_reader: FORMAT_VERSION, features: Vec::new(), id }
    }

    /// The file's text.
    pub(crate) fn encode(&self) -> String {
        let features = if self.features.is_empty() { "-".to_owned() } else { self.features.join(",") };
        let id: String = self.id.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let body = format!(
            "forebay data folder\nversion {}\nmin-reader {}\nfeatures {features}\nid {id}\n",
            self.version, self.min_reader
        );
        let sum = crc32c::crc32c(body.as_bytes());
        format!("{body}sum {sum:08x}\n")
    }

    /// Reads the file's text. A newer version is told apart from damage before anything else of it is believed.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FolderError> {
        let text = str::from_utf8(bytes).map_err(|_| FolderError::Damaged("not text"))?;
        let (body, sum) = text.rsplit_once("sum ").ok_or(FolderError::Damaged("no sum"))?;
        if sum.strip_suffix('\n') != Some(format!("{:08x}", crc32c::crc32c(body.as_bytes())).as_str()) {
            return Err(FolderError::Damaged("its sum is wrong"));
        }
        let mut lines = body.lines();
        if lines.next() != Some("forebay data folder") {
            return Err(FolderError::Damaged("not a Forebay folder"));
        }
        let mut field = |name: &'static str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .ok_or(FolderError::Damaged(name))
        };
        let version = number(field("version")?)?;
        let min_reader = number(field("min-reader")?)?;
        if min_reader > FORMAT_VERSION {
            return Err(FolderError::TooNew { min_reader });
        }
        let features = field("features")?;
        if features != "-" {
            let first = features.split(',').next().unwrap_or_default();
            return Err(FolderError::UnknownFeature(first.to_owned()));
        }
        let id = field("id")?;
        let mut bytes = [0; 16];
        if id.len() != 32 {
            return Err(FolderError::Damaged("id"));
        }
        for (place, digits) in bytes.iter_mut().zip(id.as_bytes().chunks_exact(2)) {
            *place = str::from_utf8(digits)
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .ok_or(FolderError::Damaged("id"))?;
        }
        Ok(Self { version, min_reader, features: Vec::new(), id: FolderId(bytes) })
    }

    /// The seed of the folder's sums.
    pub(crate) fn seed(&self) -> Seed {
        Seed::of(&self.id)
    }
}

fn number(text: &str) -> Result<u32, FolderError> {
    text.parse().map_err(|_| FolderError::Damaged("a version number"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::refuses_every_cut_and_flip;
    use super::*;

    #[test]
    fn a_folder_file_comes_back_and_no_changed_one_does() {
        let folder = Folder::new(FolderId([0xA5; 16]));
        assert_eq!(Folder::decode(folder.encode().as_bytes()), Ok(folder.clone()));
        refuses_every_cut_and_flip(folder.encode().as_bytes(), |bytes| Folder::decode(bytes).ok());
    }

    #[test]
    fn a_newer_folder_is_refused_with_what_to_do() {
        let newer = Folder { version: 9, min_reader: 7, ..Folder::new(FolderId([1; 16])) };
        let error = Folder::decode(newer.encode().as_bytes()).expect_err("too new");
        assert_eq!(error, FolderError::TooNew { min_reader: 7 });
        assert!(error.to_string().contains("newer version"), "{error}");
        let newer_writer = Folder { version: 9, ..Folder::new(FolderId([1; 16])) };
        assert!(Folder::decode(newer_writer.encode().as_bytes()).is_ok(), "still readable by us");
        let featured = Folder { features: vec!["tiers".into()], ..Folder::new(FolderId([1; 16])) };
        let error = Folder::decode(featured.encode().as_bytes()).expect_err("unknown feature");
        assert_eq!(error, FolderError::UnknownFeature("tiers".into()));
    }
}
