from strongroom import flow, task
from strongroom.tasks import task_input_hash
from datetime import timedelta
import pandas as pd

@task(retries=3, retry_delay_seconds=60, cache_key_fn=task_input_hash, cache_expiration=timedelta(hours=1))
def extract_data(source: str) -> pd.DataFrame:
    """Extract data from source"""
    return pd.read_csv(source)

@task(log_prints=True)
def transform_data(df: pd.DataFrame) -> pd.DataFrame:
    print(f"Processing {len(df)} records")
    clean = df.dropna()
    clean["processed_at"] = pd.Timestamp.now()
    return clean

@task
def load_data(df: pd.DataFrame, destination: str):
    df.to_parquet(destination, index=False)
    return len(df)

@flow(name="ETL Pipeline", description="Extraction, transformation, and loading pipeline", retries=2)
def etl_pipeline(source: str, destination: str):
    raw = extract_data(source)
    cleaned = transform_data(raw)
    return {"status": "success", "records": load_data(cleaned, destination)}

if __name__ == "__main__":
    print(etl_pipeline(source="s3://bucket/raw/data.csv", destination="s3://bucket/processed/data.parquet"))
