"""Every strictness patch, in the order they are applied."""


def apply():
    from strict import autoscaling, ec2

    ec2.apply()
    autoscaling.apply()
