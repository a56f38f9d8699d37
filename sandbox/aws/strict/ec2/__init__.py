"""EC2: images, snapshots and launch templates."""


def apply():
    from strict.ec2 import (
        image_describe,
        image_share,
        images,
        instances,
        snapshots,
        speed,
        tags,
        template_describe,
        template_versions,
        templates,
    )

    for module in (
        speed,
        tags,
        images,
        image_describe,
        image_share,
        snapshots,
        instances,
        templates,
        template_versions,
        template_describe,
    ):
        module.apply()
