//! Image uploads: `images` decodes and re-encodes them, [`Media`] stores them as blobs, and `vault` encrypts
//! those of identity documents and other personal data.

pub mod images;
pub mod vault;

use std::collections::HashSet;
use std::fs::{DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as BlobPath;
use object_store::{ObjectStore, PutPayload};

use crate::domain::blob::BlobId;
use crate::domain::id::{ImageId, PublicId};
use crate::media::images::variants::{VariantFormat, VariantKey, VariantWidth, Variants};
use crate::media::images::{Bounds, EncodedDocument, EncodedImage, InvalidImage, variants};

/// The directories of the blobs.
const GIG_IMAGES: &str = "gig-images";
const GIG_IMAGE_VARIANTS: &str = "gig-image-variants";
const IDENTITY_DOCUMENTS: &str = "identity-documents";

/// The modes of stored files and their directories.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIR: u32 = 0o700;

/// The content of a blob, in small parts that are read when they are needed.
pub struct BlobContent {
    pub bytes: u64,
    pub parts: BoxStream<'static, Result<Bytes, object_store::Error>>,
}

/// The images of this installation.
#[derive(Debug, Clone)]
pub struct Media {
    blobs: Arc<dyn ObjectStore>,
    directory: Arc<Path>,
    gig_images: Bounds,
    identity_documents: Bounds,
}

impl Media {
    /// Stores blobs in a directory, which is created if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn in_directory(
        directory: &Path,
        gig_images: Bounds,
        identity_documents: Bounds,
    ) -> Result<Self, object_store::Error> {
        create_private_dir(directory).map_err(file_error)?;
        for name in [GIG_IMAGES, GIG_IMAGE_VARIANTS, IDENTITY_DOCUMENTS] {
            create_private_dir(&directory.join(name)).map_err(file_error)?;
        }
        let blobs = Arc::new(LocalFileSystem::new_with_prefix(directory)?);
        Ok(Self { blobs, directory: directory.into(), gig_images, identity_documents })
    }

    /// Decodes an upload for a gig, encodes it as it will be stored, and makes its copies in smaller widths. This
    /// takes long and several hundred megabytes of memory: call it on a blocking thread, a few at a time.
    ///
    /// # Errors
    /// The upload is not a valid image.
    pub fn reencode_gig_image(&self, file: &[u8]) -> Result<(EncodedImage, Variants), InvalidImage> {
        variants::reencode_with_variants(file, &self.gig_images)
    }

    /// Decodes an upload of an identity document, encodes it as it will be stored, makes the preview by which it is
    /// recognized, and measures its quality. As expensive as [`reencode_gig_image`](Self::reencode_gig_image).
    ///
    /// # Errors
    /// The upload is not a valid image.
    pub fn reencode_identity_document(&self, file: &[u8]) -> Result<EncodedDocument, InvalidImage> {
        images::reencode_document(file, &self.identity_documents)
    }

    /// Makes the copies of an image that was stored without them. Expensive, too.
    ///
    /// # Errors
    /// It is not a valid image.
    pub fn variants_of(&self, stored: &[u8]) -> Result<Variants, InvalidImage> {
        variants::of_stored(stored, &self.gig_images)
    }

    /// Stores a blob, replacing one with the same id.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn put(&self, id: impl Into<BlobId>, bytes: Bytes) -> Result<(), object_store::Error> {
        self.write(path(id.into()), bytes).await
    }

    /// Stores the copies of an image. They are deleted with the image.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn put_variants(&self, id: ImageId, variants: &Variants) -> Result<(), object_store::Error> {
        for (key, bytes) in &variants.files {
            self.write(variant_path(id, *key), bytes.clone()).await?;
        }
        Ok(())
    }

    async fn write(&self, path: BlobPath, bytes: Bytes) -> Result<(), object_store::Error> {
        self.blobs.put(&path, PutPayload::from(bytes)).await?;
        // The object store creates files that others can read. Nobody can until this is done: the directory is
        // private.
        let file = self.directory.join(path.to_string());
        tokio::fs::set_permissions(file, Permissions::from_mode(PRIVATE_FILE)).await.map_err(file_error)
    }

    /// All bytes of a blob; `None` if it does not exist.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn get(&self, id: impl Into<BlobId>) -> Result<Option<Bytes>, object_store::Error> {
        match self.blobs.get(&path(id.into())).await {
            Ok(blob) => Ok(Some(blob.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The content of a blob, for a client that may read slowly; `None` if it does not exist.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn open(&self, id: impl Into<BlobId>) -> Result<Option<BlobContent>, object_store::Error> {
        self.open_path(path(id.into())).await
    }

    /// The content of a copy of an image, as [`open`](Self::open) returns that of a blob.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn open_variant(
        &self,
        id: ImageId,
        key: VariantKey,
    ) -> Result<Option<BlobContent>, object_store::Error> {
        self.open_path(variant_path(id, key)).await
    }

    async fn open_path(&self, path: BlobPath) -> Result<Option<BlobContent>, object_store::Error> {
        match self.blobs.get(&path).await {
            Ok(blob) => Ok(Some(BlobContent { bytes: blob.meta.size, parts: blob.into_stream() })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a blob, if it exists, with the copies of an image, and what is left of interrupted writes of them.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn delete(&self, id: impl Into<BlobId>) -> Result<(), object_store::Error> {
        let id = id.into();
        if let BlobId::GigImage(image_id) = id {
            self.delete_variants(image_id).await?;
        }
        self.delete_path(path(id)).await
    }

    /// Deletes the copies of an image, as far as they exist.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn delete_variants(&self, id: ImageId) -> Result<(), object_store::Error> {
        for key in VariantKey::all() {
            self.delete_path(variant_path(id, key)).await?;
        }
        Ok(())
    }

    /// The images that have a copy which was written before `moment`. Reads the whole directory.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn find_variants(
        &self,
        moment: DateTime<Utc>,
    ) -> Result<HashSet<ImageId>, object_store::Error> {
        let mut found = HashSet::new();
        let mut files = self.blobs.list(Some(&BlobPath::from(GIG_IMAGE_VARIANTS)));
        while let Some(file) = files.try_next().await? {
            let id = file.location.filename().and_then(|name| ImageId::parse(name.split_once('-')?.0));
            found.extend(id.filter(|_| file.last_modified < moment));
        }
        Ok(found)
    }

    /// Whether a blob exists.
    ///
    /// # Errors
    /// The object store does not answer.
    pub async fn exists(&self, id: impl Into<BlobId>) -> Result<bool, object_store::Error> {
        match self.blobs.head(&path(id.into())).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn delete_path(&self, path: BlobPath) -> Result<(), object_store::Error> {
        match self.blobs.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        // The object store writes `<path>#1` and renames it. If that exists, it writes `<path>#2`, and so on.
        for number in 1_u32.. {
            match tokio::fs::remove_file(self.directory.join(format!("{path}#{number}"))).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(file_error(error)),
            }
        }
        Ok(())
    }

    /// Checks that the object store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), object_store::Error> {
        self.blobs.list_with_delimiter(None).await.map(|_| ())
    }
}

/// Creates a directory that only the user of this process can read. An existing one becomes private.
///
/// # Errors
/// The directory cannot be created, or belongs to another user.
pub fn create_private_dir(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_DIR).create(directory)?;
    let mode = std::fs::metadata(directory)?.permissions().mode();
    if mode & 0o777 == PRIVATE_DIR {
        return Ok(());
    }
    std::fs::set_permissions(directory, Permissions::from_mode(PRIVATE_DIR))
}

fn file_error(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(error) }
}

fn path(id: BlobId) -> BlobPath {
    BlobPath::from(match id {
        BlobId::GigImage(id) => format!("{GIG_IMAGES}/{}.jpg", id.to_public()),
        // The extension is part of the stored name: do not change it.
        BlobId::IdentityDocument(id) => format!("{IDENTITY_DOCUMENTS}/{}.sealed", id.to_public()),
    })
}

/// The path of a copy of an image.
fn variant_path(id: ImageId, key: VariantKey) -> BlobPath {
    let extension = match key.format {
        VariantFormat::Jpeg => "jpg",
        VariantFormat::WebP => "webp",
    };
    let id = id.to_public();
    BlobPath::from(match key.width {
        VariantWidth::Pixels(width) => format!("{GIG_IMAGE_VARIANTS}/{id}-{width}.{extension}"),
        VariantWidth::Full => format!("{GIG_IMAGE_VARIANTS}/{id}-full.{extension}"),
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::ImageId;

    #[tokio::test]
    async fn deleting_a_blob_deletes_what_is_left_of_interrupted_writes() {
        let dir = tempfile::tempdir().expect("a directory");
        let (gig_images, documents) = (Bounds::default(), Bounds::default());
        let media = Media::in_directory(dir.path(), gig_images, documents).expect("a directory");
        let id = |number| ImageId::from_uuid(Uuid::from_u128(number));
        let leave_unfinished = |number, attempt: u32| {
            let name = format!("{}#{attempt}", path(id(number).into()));
            std::fs::write(dir.path().join(name), "half of it").expect("written");
        };
        leave_unfinished(1, 1);
        leave_unfinished(1, 2);
        leave_unfinished(2, 1);
        leave_unfinished(3, 1);
        // The object store continues with the next number.
        media.put(id(3), Bytes::from_static(b"all of it")).await.expect("written");
        let files = VariantKey::all().map(|key| (key, Bytes::from_static(b"a copy"))).collect();
        let variants = Variants { files, placeholder: String::new() };
        for number in [1, 2] {
            media.put_variants(id(number), &variants).await.expect("written");
        }
        for number in [1, 3] {
            media.delete(id(number)).await.expect("deleted");
        }
        let left = std::fs::read_dir(dir.path().join(GIG_IMAGES)).expect("a directory");
        let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(left, [format!("{}.jpg#1", id(2).to_public()).as_str()]);
        let copies = std::fs::read_dir(dir.path().join(GIG_IMAGE_VARIANTS)).expect("a directory");
        let copies: Vec<_> = copies.map(|entry| entry.expect("an entry").file_name()).collect();
        let of_second = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(&id(2).to_public());
        assert!(copies.len() == VariantKey::all().count() && copies.iter().all(of_second), "{copies:?}");
    }

    #[tokio::test]
    async fn a_blob_is_read_in_small_parts() {
        let dir = tempfile::tempdir().expect("a directory");
        let media =
            Media::in_directory(dir.path(), Bounds::default(), Bounds::default()).expect("a directory");
        let id = ImageId::from_uuid(Uuid::from_u128(1));
        assert!(media.open(id).await.expect("an answer").is_none());
        let content: Vec<u8> = (0_u32..100_000).flat_map(u32::to_be_bytes).collect();
        media.put(id, content.clone().into()).await.expect("stored");
        let blob = media.open(id).await.expect("an answer").expect("the blob");
        assert_eq!(blob.bytes, 400_000);
        let parts: Vec<Bytes> = blob.parts.try_collect().await.expect("all parts");
        assert!(parts.iter().all(|part| part.len() <= 64 * 1024), "{}", parts[0].len());
        assert_eq!(parts.concat(), content);
    }
}
