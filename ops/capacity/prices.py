"""List prices of us-east-1 in US dollars, as the named pages of aws.amazon.com had them in November 2025.

They must be checked before anybody relies on them: prices change, other regions have others, and the first volume step
is taken for all of it. Free tiers are left out.
"""

AS_OF = "November 2025"
REGION = "us-east-1"

MILLION = 1_000_000
GB = 1_000_000_000
GIB = 1_073_741_824
HOURS = 730
SECONDS = HOURS * 3_600
"""Of a month."""

# /lambda/pricing: x86; arm64 costs a fifth less for each second
LAMBDA_REQUEST = 0.20 / MILLION
LAMBDA_GIB_SECOND = 0.0000166667

# /api-gateway/pricing
REST_REQUEST = 3.50 / MILLION
SOCKET_MESSAGE = 1.00 / MILLION
SOCKET_MINUTE = 0.25 / MILLION

# /ec2/pricing/on-demand: data transferred out to the internet
DATA_OUT_GB = 0.09

# /sqs/pricing
STANDARD_REQUEST = 0.40 / MILLION
FIFO_REQUEST = 0.50 / MILLION

# /dynamodb/pricing/on-demand, /dynamodb/pricing/provisioned
READ_UNIT = 0.125 / MILLION
WRITE_UNIT = 0.625 / MILLION
READ_UNIT_HOUR = 0.00013
WRITE_UNIT_HOUR = 0.00065
TABLE_GB = 0.25
RECOVERY_GB = 0.20

# /s3/pricing
S3_PUT = 0.005 / 1_000
S3_GET = 0.0004 / 1_000
S3_GB = 0.023

# /bedrock/pricing: Claude Haiku 4.5 through a regional inference profile, a tenth dearer than a global one
TOKEN_IN = 1.10 / MILLION
TOKEN_OUT = 5.50 / MILLION

# /lex/pricing: streaming speech; /connect/pricing: voice, and an inbound number in the United States
LEX_QUARTER_MINUTE = 0.0065
CONNECT_MINUTE = 0.018 + 0.0022

# /cloudwatch/pricing
LOG_GB = 0.50
LOG_GB_KEPT = 0.03
METRIC = 0.30
ALARM_METRIC = 0.10
DASHBOARD = 3.00

# /rds/postgresql/pricing: db.t4g.micro in one availability zone, gp3
DATABASE_HOUR = 0.016
DATABASE_GIB = 0.115

# /secrets-manager/pricing
SECRET = 0.40
