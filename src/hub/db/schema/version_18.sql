-- The sinks of the feed: how far each has got, which worker has it until when, and what is wrong.
CREATE TABLE sink (
    name             {text} NOT NULL PRIMARY KEY,
    position         {int}  NOT NULL,
    seq              {int}  NOT NULL,
    owner            {text} NOT NULL,
    lease_until_ms   {int}  NOT NULL,
    delivered_ms     {int}  NOT NULL,
    error            {text},
    failing_since_ms {int}  NOT NULL,
    refused_since_ms {int}  NOT NULL,
    retries          {int}  NOT NULL
){table};

-- Events that a sink has refused for so long that it was given up; until people have it tried again.
CREATE TABLE sink_aside (
    sink     {text} NOT NULL,
    position {int}  NOT NULL,
    seq      {int}  NOT NULL,
    error    {text} NOT NULL,
    at_ms    {int}  NOT NULL,
    retry    {int}  NOT NULL,
    PRIMARY KEY (sink, position, seq)
){table};
