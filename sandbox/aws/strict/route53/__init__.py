"""Route 53: changing and listing the record sets of hosted zones.

What is not answered here stays moto's: zones with their VPCs, health checks, delegation sets, query logs.
"""


def apply():
    from strict.route53 import changes, listing, records, throttle, zones

    for module in (records, zones, changes, listing, throttle):
        module.apply()
