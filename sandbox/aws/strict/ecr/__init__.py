"""ECR: pushing, describing, pulling and deleting images; repositories and their policies; layers.

What is not answered here stays moto's: making and deleting repositories, lifecycle policies, scans, tags.
"""


def apply():
    from strict.ecr import deleting, describe, layers, pull, push, referrers, repositories, service

    for module in (layers, push, describe, referrers, pull, deleting, repositories, service):
        module.apply()
