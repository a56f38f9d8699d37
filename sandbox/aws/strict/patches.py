"""Every strictness patch, in the order they are applied."""


def apply():
    from strict import accounts, autoscaling, consumers, ec2, ecs

    accounts.apply()
    ec2.apply()
    autoscaling.apply()
    ecs.apply()
    consumers.apply()
