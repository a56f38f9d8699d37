"""Every strictness patch, in the order they are applied."""


def apply():
    from strict import accounts, autoscaling, ec2

    accounts.apply()
    ec2.apply()
    autoscaling.apply()
