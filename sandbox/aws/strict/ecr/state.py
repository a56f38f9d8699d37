"""A repository's images, found by digest, tag, parent and subject without a search.

Each is one of moto's images in moto's list, so that all else of moto, and `ecs.registry`, sees them.
"""

import time

from moto.ecr.models import Image

from strict.ecr import manifests
from strict.ecr.refusals import no_repository


class Stored(Image):
    def __init__(self, repository, manifest, serial, pushed, size):
        super().__init__(
            repository.registry_id, None, manifest.text, repository.name, manifest.media_type, manifest.digest
        )
        self.digest = manifest.digest
        self.manifest = manifest
        self.serial = serial
        self.image_pushed_at = pushed
        self.size = size
        self.pulled = None


class Store:
    """The index of one repository; changed through its methods only."""

    def __init__(self, repository):
        self.repository = repository
        self.images = {}  # digest -> image, in the order of pushing
        self.holders = {}  # tag -> image
        self.parents = {}  # digest -> the indexes that list it
        self.referrers = {}  # digest -> those that name it as their subject
        self.layers = {}  # digest -> how many images have it; 0: uploaded, or left behind
        self.uploads = {}
        self.serial = 0

    def add(self, manifest, pushed=None, size=None):
        self.serial += 1
        if size is None:
            size = self._size(manifest)
        image = Stored(self.repository, manifest, self.serial, int(time.time() if pushed is None else pushed), size)
        self.images[image.digest] = image
        self.repository.images.append(image)
        for child in manifest.children:
            self.parents.setdefault(child, {})[image.digest] = image
        if manifest.subject:
            self.referrers.setdefault(manifest.subject, {})[image.digest] = image
        for layer in set(manifest.layers):
            self.layers[layer] = self.layers.get(layer, 0) + 1
        return image

    def _size(self, manifest):
        """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html: an index is as large as the
        largest it lists.
        """
        if manifest.media_type not in manifests.INDEXES:
            return manifest.layer_bytes
        return max((self.images[child].size for child in manifest.children if child in self.images), default=0)

    def tag(self, image, tag):
        """A tag is on one image at a time."""
        holder = self.holders.get(tag)
        if holder is image:
            return
        if holder is not None:
            holder.remove_tag(tag)
        image.update_tag(tag)
        self.holders[tag] = image

    def untag(self, tag):
        self.holders.pop(tag).remove_tag(tag)

    def remove(self, images, keep_layers=True):
        """All at once: moto's list is made anew, whatever their number."""
        for image in images:
            del self.images[image.digest]
            for tag in image.image_tags:
                del self.holders[tag]
            for child in image.manifest.children:
                _drop(self.parents, child, image)
            if image.manifest.subject:
                _drop(self.referrers, image.manifest.subject, image)
            for layer in set(image.manifest.layers):
                self.layers[layer] -= 1
                if not keep_layers and self.layers[layer] == 0:
                    del self.layers[layer]
        if images:
            self.repository.images[:] = self.images.values()

    def after(self, serial):
        """Where in moto's list the images pushed after this one begin."""
        low, high = 0, len(self.repository.images)
        while low < high:
            middle = (low + high) // 2
            if self.repository.images[middle].serial <= serial:
                low = middle + 1
            else:
                high = middle
        return low


def _drop(index, digest, image):
    # An index may list a child twice.
    index.get(digest, {}).pop(image.digest, None)
    if not index.get(digest, True):
        del index[digest]


def store(registry, asked):
    """The images of the repository that a call names."""
    name = asked.get("repositoryName")
    repository = registry.repositories.get(name)
    if repository is None:
        raise no_repository(name, registry.account_id)
    return store_of(repository)


def store_of(repository):
    if not hasattr(repository, "strict_store"):
        repository.strict_store = Store(repository)
    return repository.strict_store
