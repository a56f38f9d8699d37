"""EC2 Auto Scaling: groups on launch template versions, and instance refreshes."""


def apply():
    from strict.autoscaling import groups, refresh, refresh_api

    groups.apply()
    refresh.apply()
    refresh_api.apply()
