"""EC2: images, snapshots, launch templates, and instances with their ends."""


def apply():
    from strict.ec2 import (
        addresses,
        ending,
        image_describe,
        image_share,
        images,
        instance_describe,
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
        instance_describe,
        addresses,
        ending,
        templates,
        template_versions,
        template_describe,
    ):
        module.apply()
