DROP TABLE job_counts;
DROP TABLE job_attempts;
DROP TABLE job_queue;
