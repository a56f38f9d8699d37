"""Route 53: changing and listing the record sets of hosted zones.

What is not answered here stays moto's: zones with their VPCs, health checks, delegation sets, query logs.

Where AWS's pages are silent it is as strict as could be, and not confirmed against AWS: values are compared as they are
written, but in any order; the wording for labels of a name, for two values that are one, for a CNAME with several
values, and for two kinds of routing.  Stricter than AWS: a zone takes no change for as long as its last one is PENDING.
Laxer: values of types other than A, AAAA and CNAME are not read, and changes are throttled by the request only, not by
their number.
"""


def apply():
    from strict.route53 import changes, listing, records, throttle, zones

    for module in (records, zones, changes, listing, throttle):
        module.apply()
