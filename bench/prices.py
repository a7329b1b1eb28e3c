"""AWS list prices on `AS_OF`: US East (N. Virginia), US dollars, on demand, without free tiers.

They come from the pricing pages that each price names, or from publications that quote these pages. AWS changes prices
without notice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

AS_OF = "2026-11-21"
HOURS = 730
"""In a month, by AWS's definition."""


@dataclass(frozen=True, slots=True)
class Price:
    """`tiers` are pairs of an upper bound in units a month and the dollars for each unit below it.

    `page` is the title of the AWS pricing page.
    """

    unit: str
    page: str
    tiers: tuple[tuple[float, float], ...]

    def of(self, quantity: float) -> float:
        """Dollars for `quantity` units in one month."""
        total, below = 0.0, 0.0
        for up_to, dollars in self.tiers:
            total += max(min(quantity, up_to) - below, 0) * dollars
            below = up_to
        return total


def _price(unit: str, page: str, dollars: float) -> Price:
    return Price(unit, page, ((math.inf, dollars),))


_MILLION = 1e-6
PRICES = {
    "rest request": Price(
        "request",
        "Amazon API Gateway Pricing",
        ((333e6, 3.50 * _MILLION), (1e9, 2.80 * _MILLION), (20e9, 2.38 * _MILLION), (math.inf, 1.51 * _MILLION)),
    ),
    "websocket message": Price(
        "message of 32 KB", "Amazon API Gateway Pricing", ((1e9, 1.00 * _MILLION), (math.inf, 0.80 * _MILLION))
    ),
    "websocket minute": _price("minute", "Amazon API Gateway Pricing", 0.25 * _MILLION),
    "data out": Price("GB", "Amazon EC2 On-Demand Pricing", ((10_240, 0.09), (51_200, 0.085), (math.inf, 0.07))),
    "lambda request": _price("request", "AWS Lambda Pricing", 0.20 * _MILLION),
    "lambda arm64": Price(
        "GB-second",
        "AWS Lambda Pricing",
        ((7.5e9, 0.0000133334), (18.75e9, 0.0000120001), (math.inf, 0.0000106667)),
    ),
    "lambda x86_64": Price(
        "GB-second", "AWS Lambda Pricing", ((6e9, 0.0000166667), (15e9, 0.000015), (math.inf, 0.0000133334))
    ),
    "sqs request": Price(
        "request of 64 KB",
        "Amazon SQS Pricing",
        ((100e9, 0.40 * _MILLION), (200e9, 0.30 * _MILLION), (math.inf, 0.24 * _MILLION)),
    ),
    "express request": _price("request", "AWS Step Functions Pricing", 1.00 * _MILLION),
    "express duration": Price(
        "GB-hour", "AWS Step Functions Pricing", ((1000, 0.06), (5000, 0.03), (math.inf, 0.01642))
    ),
    "standard transition": _price("state transition", "AWS Step Functions Pricing", 25 * _MILLION),
    "log": _price("GB", "Amazon CloudWatch Pricing", 0.50),
    "metric": Price("metric-month", "Amazon CloudWatch Pricing", ((10_000, 0.30), (math.inf, 0.10))),
    "alarm": _price("alarm-month", "Amazon CloudWatch Pricing", 0.10),
    "dashboard": _price("dashboard-month", "Amazon CloudWatch Pricing", 3.00),
    "trace": _price("trace", "AWS X-Ray Pricing", 5.00 * _MILLION),
    "schedule": _price("invocation", "Amazon EventBridge Pricing", 1.00 * _MILLION),
    "ecpu": _price("ECPU", "Amazon ElastiCache Pricing", 0.0023 * _MILLION),
    "cache storage": _price("GB-hour", "Amazon ElastiCache Pricing", 0.084),
    "acu": _price("ACU-hour", "Amazon Aurora Pricing", 0.12),
    "aurora io": _price("I/O", "Amazon Aurora Pricing", 0.20 * _MILLION),
    "aurora storage": _price("GB-month", "Amazon Aurora Pricing", 0.10),
    "proxy": _price("ACU-hour", "Amazon RDS Proxy Pricing", 0.015),
    "endpoint": _price("hour and zone", "AWS PrivateLink Pricing", 0.01),
    "nat": _price("hour", "Amazon VPC Pricing", 0.045),
    "secret": _price("secret-month", "AWS Secrets Manager Pricing", 0.40),
    "key": _price("key-month", "AWS Key Management Service Pricing", 1.00),
    "signature": _price("request with an asymmetric key", "AWS Key Management Service Pricing", 15 * _MILLION),
    "t4g.small": _price("hour", "Amazon EC2 On-Demand Pricing", 0.0168),
    "gp3": _price("GB-month", "Amazon EBS Pricing", 0.08),
    "ipv4": _price("hour", "Amazon VPC Pricing", 0.005),
    "load balancer": _price("hour", "Elastic Load Balancing Pricing", 0.0225),
    "load balancer capacity": _price("LCU-hour", "Elastic Load Balancing Pricing", 0.008),
    "db.t4g.small, Multi-AZ": _price("hour", "Amazon RDS for PostgreSQL Pricing", 0.065),
    "gp3, Multi-AZ": _price("GB-month", "Amazon RDS for PostgreSQL Pricing", 0.23),
    "cache.t4g.micro": _price("hour", "Amazon ElastiCache Pricing", 0.0128),
}
